-- engine: postgresql
-- expect: breaks
-- because: the earlier release sees no row any more
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
