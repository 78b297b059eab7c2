-- engine: postgresql
-- expect: blocks
-- because: unlike now(), clock_timestamp() differs by row
ALTER TABLE orders ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp();
