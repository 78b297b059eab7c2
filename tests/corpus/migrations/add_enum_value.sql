-- engine: postgresql
-- expect: safe
-- because: the earlier release goes on with the values that it knows
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'so so';
