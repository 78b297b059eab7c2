-- engine: postgresql
-- expect: unread
-- because: half of it stays when the second half fails
BEGIN;
ALTER TABLE orders ADD COLUMN note text;
COMMIT;
