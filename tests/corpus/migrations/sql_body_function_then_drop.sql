-- engine: postgresql
-- expect: breaks
-- because: the body of a function hides no statement that follows
CREATE FUNCTION two() RETURNS integer BEGIN ATOMIC SELECT 1; SELECT 2; END;
DROP TABLE orders;
