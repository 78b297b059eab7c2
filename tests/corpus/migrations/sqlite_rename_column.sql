-- engine: sqlite
-- expect: breaks
-- because: the earlier release uses the old name
ALTER TABLE orders RENAME COLUMN note TO remark;
