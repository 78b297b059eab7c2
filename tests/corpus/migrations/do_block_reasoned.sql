-- engine: postgresql
-- expect: safe
-- because: a person gave a reason for what cannot be read
-- comporta: safe because it creates the role only where it is missing
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reporting') THEN CREATE ROLE reporting; END IF; END $$;
