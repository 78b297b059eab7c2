-- engine: postgresql
-- expect: blocks
-- because: the table is rewritten under an exclusive lock
VACUUM FULL orders;
