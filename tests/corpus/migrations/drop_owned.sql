-- engine: postgresql
-- expect: breaks
-- because: everything of a user goes
DROP OWNED BY shop;
