-- engine: postgresql
-- expect: breaks
-- because: the earlier release inserts without this column
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
