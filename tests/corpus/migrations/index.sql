-- engine: postgresql
-- expect: blocks
-- because: every write waits until it is built
CREATE INDEX orders_by_customer ON orders (customer);
