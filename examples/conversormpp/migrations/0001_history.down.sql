DROP TABLE checks;
DROP TABLE conversions;
