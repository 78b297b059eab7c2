-- engine: postgresql
-- expect: blocks
-- because: every pair of rows
UPDATE orders SET customer = c.id FROM customers c WHERE orders.mail = c.mail;
