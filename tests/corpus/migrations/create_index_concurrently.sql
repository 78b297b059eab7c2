-- engine: postgresql
-- expect: safe
-- because: it blocks neither reads nor writes, and it is alone
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_customer ON orders (customer);
