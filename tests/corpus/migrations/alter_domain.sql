-- engine: postgresql
-- expect: unread
-- because: every table that uses it is read under a lock
ALTER DOMAIN mail_address ADD CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
