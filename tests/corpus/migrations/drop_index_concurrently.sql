-- engine: postgresql
-- expect: breaks
-- because: the earlier release's queries become slow
DROP INDEX CONCURRENTLY orders_by_customer;
