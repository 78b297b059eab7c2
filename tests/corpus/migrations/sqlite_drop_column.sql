-- engine: sqlite
-- expect: breaks
-- because: the earlier release still uses it
ALTER TABLE orders DROP COLUMN note;
