-- engine: postgresql
-- expect: breaks, blocks
-- because: the table is rewritten under an exclusive lock
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
