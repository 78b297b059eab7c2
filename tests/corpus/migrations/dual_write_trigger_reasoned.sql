-- engine: postgresql
-- expect: safe
-- because: a person gave a reason for what no rule can know
-- comporta: safe because it only copies the old column into the new one
CREATE TRIGGER copy_note BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION copy_note();
