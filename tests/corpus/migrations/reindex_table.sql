-- engine: postgresql
-- expect: blocks
-- because: writes wait, and reads that use the index
REINDEX TABLE orders;
