-- engine: postgresql
-- expect: breaks, blocks
-- because: both tables are locked against writes while all rows are checked
ALTER TABLE orders ADD CONSTRAINT by_customer FOREIGN KEY (customer) REFERENCES customers (id);
