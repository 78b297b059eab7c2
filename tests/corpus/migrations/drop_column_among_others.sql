-- engine: postgresql
-- expect: breaks
-- because: the second action drops a column
ALTER TABLE orders ADD COLUMN remark text, DROP COLUMN note;
