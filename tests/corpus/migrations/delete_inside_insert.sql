-- engine: postgresql
-- expect: breaks, blocks
-- because: it hides in a WITH
WITH gone AS (DELETE FROM orders WHERE made_at < now() RETURNING *) INSERT INTO archive SELECT * FROM gone;
