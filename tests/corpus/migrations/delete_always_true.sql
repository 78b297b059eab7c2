-- engine: postgresql
-- expect: breaks, blocks
-- because: a condition that always holds is none
DELETE FROM archive WHERE 1 = 1;
