-- engine: postgresql
-- expect: blocks
-- because: an array of a type that may be a domain
ALTER TABLE orders ADD COLUMN mails mail_address[];
