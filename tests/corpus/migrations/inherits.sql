-- engine: postgresql
-- expect: unread
-- because: rows of the new table appear in the old one
CREATE TABLE special_orders (why text) INHERITS (orders);
