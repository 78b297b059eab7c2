-- engine: postgresql
-- expect: breaks, blocks
-- because: the earlier release may write NULL, and the table is read under an exclusive lock
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
