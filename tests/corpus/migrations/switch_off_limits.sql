-- engine: postgresql
-- expect: blocks
-- because: it would wait for locks as long as it takes, with all users behind it
SET lock_timeout = 0;
ALTER TABLE orders ADD COLUMN note text;
