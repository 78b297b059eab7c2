-- engine: postgresql
-- expect: blocks
-- because: it cannot run inside a transaction, so nothing beside it can be undone
ALTER TABLE orders ADD COLUMN customer bigint;
CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer);
