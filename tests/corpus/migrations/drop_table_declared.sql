-- engine: postgresql
-- expect: safe
-- because: it says that it waits for the watch window
-- comporta: contract
DROP TABLE archive;
