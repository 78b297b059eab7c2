-- engine: postgresql
-- expect: safe
-- because: a comment changes nothing
COMMENT ON TABLE orders IS 'what was bought; -- not a comment';
