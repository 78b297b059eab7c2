-- engine: postgresql
-- expect: unread
-- because: after a crash nobody knows which index was begun
CREATE INDEX CONCURRENTLY ON orders (customer);
