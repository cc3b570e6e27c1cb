-- Secrets that were stored without encryption at rest, in the newest backup of each cluster.
SELECT objects.cluster, objects.date, count(*) AS secrets, sum(CASE WHEN encoding = 'encrypted' THEN 0 ELSE 1 END) AS plaintext,
  min(CASE WHEN encoding = 'encrypted' THEN NULL ELSE namespace || '/' || name END) AS example
FROM objects JOIN (SELECT cluster, max(date) AS date FROM keys GROUP BY cluster) newest ON objects.cluster = newest.cluster AND objects.date = newest.date
WHERE resource = 'secrets'
GROUP BY objects.cluster, objects.date
HAVING sum(CASE WHEN encoding = 'encrypted' THEN 0 ELSE 1 END) > 0
ORDER BY objects.cluster, objects.date
