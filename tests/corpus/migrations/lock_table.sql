-- engine: postgresql
-- expect: blocks
-- because: everybody waits
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
