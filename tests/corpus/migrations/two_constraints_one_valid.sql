-- engine: postgresql
-- expect: blocks
-- because: only the second one is NOT VALID
-- comporta: contract
ALTER TABLE orders ADD CONSTRAINT a CHECK (total > 0), ADD CONSTRAINT b CHECK (total < 9) NOT VALID;
