-- engine: postgresql
-- expect: safe
-- because: a new function: nobody calls it yet
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT n * 2; $$;
