-- The largest values of the newest backup of each cluster. etcd refuses a write above 1.5 MB (--max-request-bytes).
SELECT keys.cluster, keys.date, key, resource, namespace, name, value_bytes, version
FROM keys JOIN (SELECT cluster, max(date) AS date FROM keys GROUP BY cluster) newest ON keys.cluster = newest.cluster AND keys.date = newest.date
ORDER BY value_bytes DESC, keys.cluster, key
LIMIT 50
