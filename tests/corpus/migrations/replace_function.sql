-- engine: postgresql
-- expect: breaks
-- because: the earlier release calls something else
CREATE OR REPLACE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS $$ SELECT n + n; $$;
