-- engine: postgresql
-- expect: blocks
-- because: the table is rewritten under an exclusive lock
CLUSTER orders USING orders_pkey;
