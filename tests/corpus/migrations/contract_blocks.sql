-- engine: postgresql
-- expect: blocks
-- because: after the watch window users still wait for locks
-- comporta: contract
CREATE INDEX orders_by_customer ON orders (customer);
