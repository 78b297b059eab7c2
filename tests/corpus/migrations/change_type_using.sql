-- engine: postgresql
-- expect: breaks, blocks
-- because: the table is rewritten under an exclusive lock
ALTER TABLE orders ALTER COLUMN total SET DATA TYPE numeric USING total::numeric;
