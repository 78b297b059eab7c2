-- engine: postgresql
-- expect: blocks
-- because: reads of it wait
REFRESH MATERIALIZED VIEW totals;
