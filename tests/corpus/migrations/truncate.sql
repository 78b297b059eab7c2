-- engine: postgresql
-- expect: breaks, blocks
-- because: the earlier release loses its data
TRUNCATE TABLE archive RESTART IDENTITY CASCADE;
