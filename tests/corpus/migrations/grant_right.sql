-- engine: postgresql
-- expect: safe
-- because: more rights hurt nobody
GRANT SELECT ON orders TO reporting;
