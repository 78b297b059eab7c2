-- engine: postgresql
-- expect: breaks, blocks
-- because: the earlier release may write what it forbids; the table is read under a lock
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);
