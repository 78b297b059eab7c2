-- engine: postgresql
-- expect: unread
-- because: no rule knows what it matches
MERGE INTO orders o USING news n ON o.id = n.id WHEN MATCHED THEN UPDATE SET note = n.note;
