-- engine: postgresql
-- expect: unread
-- because: not SQL
\copy orders FROM 'orders.csv'
