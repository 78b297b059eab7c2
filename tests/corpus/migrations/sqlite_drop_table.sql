-- engine: sqlite
-- expect: breaks
-- because: the earlier release still uses it
DROP TABLE archive;
