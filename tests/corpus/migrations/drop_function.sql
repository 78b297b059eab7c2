-- engine: postgresql
-- expect: breaks
-- because: the earlier release still calls it
DROP FUNCTION twice(integer);
