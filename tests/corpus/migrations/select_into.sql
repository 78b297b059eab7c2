-- engine: postgresql
-- expect: unread
-- because: it makes a table of unknown size
SELECT * INTO copies FROM orders;
