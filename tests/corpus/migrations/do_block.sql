-- engine: postgresql
-- expect: unread
-- because: what it executes is known only when it runs
DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'orders'; END $$;
