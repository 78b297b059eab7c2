-- engine: postgresql
-- expect: breaks
-- because: the earlier release may see fewer rows
CREATE POLICY own ON orders USING (owner = current_user);
