-- engine: postgresql
-- expect: breaks
-- because: it acts on the earlier release's writes
CREATE TRIGGER guard BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION guard();
