-- engine: postgresql
-- expect: breaks, blocks
-- because: the earlier release loses its data
DELETE FROM archive;
