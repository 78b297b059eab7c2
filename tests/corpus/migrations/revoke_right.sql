-- engine: postgresql
-- expect: breaks
-- because: the earlier release may need it
REVOKE INSERT ON orders FROM shop;
