-- engine: postgresql
-- expect: safe
-- because: it blocks neither reads nor writes
ANALYZE orders;
