-- engine: sqlite
-- expect: safe
-- because: a new table
CREATE TABLE invoices (id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL);
