-- engine: postgresql
-- expect: safe
-- because: it reads the table under a lock that neither reads nor writes wait for
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_fkey;
