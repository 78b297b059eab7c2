-- engine: postgresql
-- expect: blocks
-- because: a cast of something volatile is volatile
ALTER TABLE orders ADD COLUMN token text DEFAULT (random() * 1000)::text;
