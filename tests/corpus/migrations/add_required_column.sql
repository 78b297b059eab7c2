-- engine: postgresql
-- expect: breaks
-- because: the earlier release cannot insert any more; and with rows in it, it fails
ALTER TABLE orders ADD COLUMN state text NOT NULL;
