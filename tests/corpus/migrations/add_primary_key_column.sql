-- engine: postgresql
-- expect: breaks, blocks
-- because: the table is rewritten, and an index built, under an exclusive lock
ALTER TABLE orders ADD COLUMN uid bigserial PRIMARY KEY;
