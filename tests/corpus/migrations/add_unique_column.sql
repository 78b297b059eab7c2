-- engine: postgresql
-- expect: breaks, blocks
-- because: an index is built under an exclusive lock
ALTER TABLE orders ADD COLUMN number text UNIQUE;
