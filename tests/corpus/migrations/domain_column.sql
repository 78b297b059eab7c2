-- engine: postgresql
-- expect: blocks
-- because: a domain with a constraint rewrites the table; that it is none, nobody can see here
ALTER TABLE orders ADD COLUMN mail mail_address;
