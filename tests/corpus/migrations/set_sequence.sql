-- engine: postgresql
-- expect: unread
-- because: the earlier release may meet numbers that are taken
SELECT setval('orders_id_seq', 1);
