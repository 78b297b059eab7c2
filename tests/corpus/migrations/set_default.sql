-- engine: postgresql
-- expect: breaks
-- because: the earlier release's rows get another value
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'draft';
