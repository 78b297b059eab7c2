-- engine: postgresql
-- expect: safe
-- because: nothing that is there changes
CREATE EXTENSION IF NOT EXISTS pg_trgm;
