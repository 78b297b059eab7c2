-- engine: postgresql
-- expect: breaks
-- because: the earlier release still reads and writes it
ALTER TABLE orders DROP COLUMN note;
