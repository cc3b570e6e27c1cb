-- Live bytes of each resource in the largest backup of each week, and how many more than in the week before.
WITH days AS (
  SELECT cluster, date, source_sha256, coalesce(resource, 'not Kubernetes') AS resource, count(*) AS keys, sum(stored_bytes) AS bytes
  FROM keys GROUP BY cluster, date, source_sha256, coalesce(resource, 'not Kubernetes')),
weeks AS (
  SELECT cluster, resource, CAST(date_trunc('week', date) AS DATE) AS week, max(keys) AS keys, max(bytes) AS bytes
  FROM days GROUP BY cluster, resource, CAST(date_trunc('week', date) AS DATE))
SELECT cluster, resource, week, keys, bytes, bytes - lag(bytes) OVER (PARTITION BY cluster, resource ORDER BY week) AS grown
FROM weeks
ORDER BY cluster, resource, week
