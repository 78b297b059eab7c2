-- engine: postgresql
-- expect: safe
-- because: both may stay empty
ALTER TABLE orders ADD COLUMN note text, ADD COLUMN IF NOT EXISTS weight numeric(8, 3) NULL;
