-- engine: postgresql
-- expect: unread
-- because: after the watch window its second action would still rewrite the table
-- comporta: contract
ALTER TABLE orders ENABLE ROW LEVEL SECURITY, ALTER COLUMN id TYPE bigint;
