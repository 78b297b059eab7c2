-- engine: sqlite
-- expect: breaks
-- because: the earlier release loses its data
DELETE FROM archive;
