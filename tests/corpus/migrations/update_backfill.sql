-- engine: postgresql
-- expect: blocks
-- because: after ADD COLUMN that is every row, in one transaction
UPDATE orders SET remark = note WHERE remark IS NULL;
