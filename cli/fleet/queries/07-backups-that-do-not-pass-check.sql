-- Backups with findings above a note, and files that are no backup. The worst first. A backup that is only `partial` is not here:
-- values that are encrypted, or of another program than Kubernetes, are no fault of it.
WITH found AS (
  SELECT source_sha256, sum(CASE WHEN severity = 'error' THEN 1 ELSE 0 END) AS errors, sum(CASE WHEN severity = 'warning' THEN 1 ELSE 0 END) AS warnings,
    min(CASE WHEN severity = 'note' THEN NULL ELSE code || ': ' || findings.message END) AS example
  FROM findings GROUP BY source_sha256)
SELECT cluster, date, path, state, coalesce(errors, 0) AS errors, coalesce(warnings, 0) AS warnings, coalesce(example, backups.message) AS example
FROM backups LEFT JOIN found ON backups.sha256 = found.source_sha256
WHERE state <> 'copy' AND (state = 'refused' OR errors > 0 OR warnings > 0)
ORDER BY CASE state WHEN 'refused' THEN 0 WHEN 'partial' THEN 1 ELSE 2 END, coalesce(errors, 0) DESC, cluster, date, path
