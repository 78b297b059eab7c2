-- engine: postgresql
-- expect: safe
-- because: a constant
ALTER TABLE orders ADD COLUMN rank integer NOT NULL DEFAULT -1;
