-- engine: postgresql
-- expect: breaks, blocks
-- because: an exclusive lock, and the earlier release becomes slow
DROP INDEX orders_by_customer;
