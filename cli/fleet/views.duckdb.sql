-- The tables of a fleet as views of DuckDB: one for each table that the job wrote by default.
-- duckdb -cmd "SET VARIABLE fleet = '/tables'" -init views.duckdb.sql
-- In a bucket: INSTALL httpfs; LOAD httpfs; SET VARIABLE fleet = 's3://bucket/tables';
CREATE OR REPLACE MACRO of_fleet(name) AS TABLE
  SELECT * FROM read_parquet(getvariable('fleet') || '/cluster=*/date=*/table=' || name || '/*.parquet',
    hive_partitioning = true, hive_types = {'cluster': VARCHAR, 'date': DATE, 'table': VARCHAR}, union_by_name = true);
CREATE OR REPLACE VIEW backups AS SELECT * FROM of_fleet('backups');
CREATE OR REPLACE VIEW keys AS SELECT * FROM of_fleet('keys');
CREATE OR REPLACE VIEW versions AS SELECT * FROM of_fleet('versions');
CREATE OR REPLACE VIEW objects AS SELECT * FROM of_fleet('objects');
CREATE OR REPLACE VIEW events AS SELECT * FROM of_fleet('events');
CREATE OR REPLACE VIEW managed_fields AS SELECT * FROM of_fleet('managed_fields');
CREATE OR REPLACE VIEW members AS SELECT * FROM of_fleet('members');
CREATE OR REPLACE VIEW findings AS SELECT * FROM of_fleet('findings');
CREATE OR REPLACE VIEW certs AS SELECT * FROM of_fleet('certs');
