-- engine: sqlite
-- expect: safe
-- because: SQLite has no other way to build one
CREATE INDEX orders_by_customer ON orders (customer);
