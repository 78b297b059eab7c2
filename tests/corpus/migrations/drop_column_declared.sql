-- engine: postgresql
-- expect: safe
-- because: it says that it waits for the watch window, and then nobody uses the column
-- comporta: contract
ALTER TABLE orders DROP COLUMN note;
