-- Which clusters had an object, from which to which backup, and when it was deleted if a later backup still has that delete.
-- Name the object in the next line.
WITH wanted AS (SELECT 'configmaps' AS resource, 'kube-public' AS namespace, 'cluster-info' AS name),
days AS (SELECT DISTINCT cluster, date FROM keys),
had AS (
  SELECT DISTINCT cluster, date FROM keys JOIN wanted ON keys.resource = wanted.resource AND keys.name = wanted.name AND coalesce(keys.namespace, '') = wanted.namespace),
deleted AS (
  SELECT cluster, max(time) AS deleted_at FROM versions JOIN wanted
    ON versions.resource = wanted.resource AND versions.name = wanted.name AND coalesce(versions.namespace, '') = wanted.namespace
  WHERE op = 'delete' GROUP BY cluster),
seen AS (SELECT cluster, min(date) AS first_seen, max(date) AS last_seen FROM had GROUP BY cluster)
SELECT seen.cluster, first_seen, last_seen, (SELECT min(days.date) FROM days WHERE days.cluster = seen.cluster AND days.date > seen.last_seen) AS first_without,
  deleted_at
FROM seen LEFT JOIN deleted ON seen.cluster = deleted.cluster
ORDER BY seen.cluster
