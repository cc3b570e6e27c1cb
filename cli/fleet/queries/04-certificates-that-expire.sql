-- Certificates that end within 30 days of the newest time in the newest backup of each cluster. Negative: they had ended then.
SELECT certs.cluster, certs.date, object, field, subject, not_after, CAST(floor(expires_in_s / 86400.0) AS BIGINT) AS days_left
FROM certs JOIN (SELECT cluster, max(date) AS date FROM keys GROUP BY cluster) newest ON certs.cluster = newest.cluster AND certs.date = newest.date
WHERE expires_in_s < 30 * 86400
ORDER BY expires_in_s, certs.cluster, object, field
