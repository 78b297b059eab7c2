-- engine: postgresql
-- expect: safe
-- because: a new name
CREATE SCHEMA IF NOT EXISTS reporting;
