-- engine: postgresql
-- expect: breaks
-- because: everything is gone
DROP DATABASE shop;
