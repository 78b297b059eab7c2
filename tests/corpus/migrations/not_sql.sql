-- engine: postgresql
-- expect: unread
-- because: nobody can read it
ALTER TABEL orders ADD COLUMN note text;
