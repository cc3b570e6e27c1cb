-- Objects that are stored, or were last written, in an API version that a later Kubernetes no longer serves: newest backup of each cluster.
WITH removed AS (SELECT * FROM (VALUES
    ('apps/v1beta1', '1.16'), ('apps/v1beta2', '1.16'), ('extensions/v1beta1', '1.22'), ('admissionregistration.k8s.io/v1beta1', '1.22'),
    ('apiextensions.k8s.io/v1beta1', '1.22'), ('apiregistration.k8s.io/v1beta1', '1.22'), ('certificates.k8s.io/v1beta1', '1.22'),
    ('coordination.k8s.io/v1beta1', '1.22'), ('networking.k8s.io/v1beta1', '1.22'), ('rbac.authorization.k8s.io/v1alpha1', '1.22'),
    ('rbac.authorization.k8s.io/v1beta1', '1.22'), ('scheduling.k8s.io/v1beta1', '1.22'), ('autoscaling/v2beta1', '1.25'),
    ('batch/v1beta1', '1.25'), ('discovery.k8s.io/v1beta1', '1.25'), ('events.k8s.io/v1beta1', '1.25'), ('node.k8s.io/v1beta1', '1.25'),
    ('policy/v1beta1', '1.25'), ('autoscaling/v2beta2', '1.26'), ('flowcontrol.apiserver.k8s.io/v1beta1', '1.26'),
    ('storage.k8s.io/v1beta1', '1.27'), ('flowcontrol.apiserver.k8s.io/v1beta2', '1.29'), ('flowcontrol.apiserver.k8s.io/v1beta3', '1.32')
  ) AS t (api_version, gone_in)),
newest AS (SELECT cluster, max(date) AS date FROM keys GROUP BY cluster),
used AS (
  SELECT cluster, date, resource, namespace, name, api_version, 'stored' AS how FROM objects
  UNION
  SELECT cluster, date, resource, namespace, name, api_version, 'written by ' || manager AS how FROM managed_fields)
SELECT used.cluster, gone_in, used.api_version, resource, how, count(*) AS objects, min(coalesce(namespace, '') || '/' || name) AS example
FROM used JOIN removed ON used.api_version = removed.api_version JOIN newest ON used.cluster = newest.cluster AND used.date = newest.date
GROUP BY used.cluster, gone_in, used.api_version, resource, how
ORDER BY used.cluster, gone_in, used.api_version, resource, how
