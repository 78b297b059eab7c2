-- engine: postgresql
-- expect: breaks
-- because: it hides in a WITH
CREATE TABLE gone AS WITH rows AS (DELETE FROM orders RETURNING *) SELECT * FROM rows;
