-- engine: postgresql
-- expect: blocks
-- because: every row of the other table may change one of this
INSERT INTO orders (id, note) SELECT id, note FROM news ON CONFLICT (id) DO UPDATE SET note = excluded.note;
