-- engine: postgresql
-- expect: unread
-- because: nobody can tell, at any time
-- comporta: contract
DO $$ BEGIN EXECUTE 'DROP TABLE orders'; END $$;
