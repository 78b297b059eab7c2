-- engine: postgresql
-- expect: breaks
-- because: the earlier release still takes numbers from it
DROP SEQUENCE invoice_numbers;
