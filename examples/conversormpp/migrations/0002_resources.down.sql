ALTER TABLE conversions DROP COLUMN resources;
