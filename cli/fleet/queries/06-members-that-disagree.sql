-- Backups of one cluster and day that contradict each other. One row for each pair and kind of contradiction.
-- hash: the same revision and compaction, another HashKV. record: a key was last written at the same revision in both, but differently.
-- members: another list of members.
WITH hashes AS (
  SELECT a.cluster, a.date, 'hash' AS what, a.sha256 AS one, b.sha256 AS other, CAST(1 AS BIGINT) AS differences, 'revision ' || CAST(a.revision AS VARCHAR(20)) AS example
  FROM backups a JOIN backups b ON a.cluster = b.cluster AND a.date = b.date AND a.revision = b.revision AND a.compact_revision = b.compact_revision
  WHERE a.state = 'ok' AND b.state = 'ok' AND a.sha256 < b.sha256 AND a.hash <> b.hash),
records AS (
  SELECT a.cluster, a.date, 'record' AS what, a.source_sha256 AS one, b.source_sha256 AS other, count(*) AS differences, min(a.key) AS example
  FROM keys a JOIN keys b ON a.cluster = b.cluster AND a.date = b.date AND a.key = b.key AND a.mod_revision = b.mod_revision
  WHERE a.source_sha256 < b.source_sha256 AND (a.create_revision <> b.create_revision OR a.version <> b.version OR a.value_bytes <> b.value_bytes)
  GROUP BY a.cluster, a.date, a.source_sha256, b.source_sha256),
lists AS (
  SELECT cluster, date, source_sha256, count(*) AS members, min(id) AS first, max(id) AS last FROM members GROUP BY cluster, date, source_sha256),
members_differ AS (
  SELECT a.cluster, a.date, 'members' AS what, a.source_sha256 AS one, b.source_sha256 AS other, abs(a.members - b.members) AS differences, a.first || ' and ' || b.first AS example
  FROM lists a JOIN lists b ON a.cluster = b.cluster AND a.date = b.date
  WHERE a.source_sha256 < b.source_sha256 AND (a.members <> b.members OR a.first <> b.first OR a.last <> b.last))
SELECT * FROM hashes UNION ALL SELECT * FROM records UNION ALL SELECT * FROM members_differ
ORDER BY cluster, date, what, one, other
