-- engine: postgresql
-- expect: breaks
-- because: the earlier release uses the old name
ALTER TABLE orders RENAME TO purchases;
