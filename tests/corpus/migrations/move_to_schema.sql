-- engine: postgresql
-- expect: breaks
-- because: the earlier release finds it no more
ALTER TABLE orders SET SCHEMA archive;
