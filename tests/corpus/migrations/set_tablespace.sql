-- engine: postgresql
-- expect: unread
-- because: the table is copied under an exclusive lock
ALTER TABLE orders SET TABLESPACE fast;
