-- engine: postgresql
-- expect: breaks
-- because: DEFAULT NULL is no default
ALTER TABLE orders ADD state text NOT NULL DEFAULT NULL;
