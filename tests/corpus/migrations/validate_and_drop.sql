-- engine: postgresql
-- expect: unread
-- because: behind a harmless action stands another one
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_fkey, DROP COLUMN note;
