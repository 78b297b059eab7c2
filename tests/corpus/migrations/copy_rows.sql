-- engine: postgresql
-- expect: unread
-- because: the rows come from elsewhere
COPY orders FROM '/tmp/orders.csv';
