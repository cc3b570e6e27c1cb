//! Descriptions of each kind, compared with what kubectl prints.

use serde_json::{Value, json};

use super::*;

fn described(
    object: &Value,
    events: &[&Value],
    list: &dyn Fn(&str, Option<&str>) -> Vec<Value>,
) -> String {
    let now = "2026-11-21T02:00:00Z".parse().unwrap();
    text(
        object,
        &Surroundings {
            now,
            events,
            secret_sizes: &[],
            list,
        },
    )
}

fn alone(object: &Value) -> String {
    described(object, &[], &|_, _| Vec::new())
}

const POD: &str = "\
Name:             web-1
Namespace:        shop
Priority:         0
Service Account:  web
Node:             n1/10.0.0.1
Start Time:       Sat, 21 Nov 2026 01:14:44 +0000
Labels:           app=web
                  tier=front
Annotations:      <none>
Status:           Running
IP:               10.1.0.1
IPs:
  IP:           10.1.0.1
Controlled By:  ReplicaSet/web
Containers:
  web:
    Container ID:   docker://2
    Image:          nginx:1
    Image ID:       docker://1
    Port:           80/TCP
    Host Port:      0/TCP
    State:          Running
      Started:      Sat, 21 Nov 2026 01:20:00 +0000
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Sat, 21 Nov 2026 01:15:00 +0000
      Finished:     Sat, 21 Nov 2026 01:19:00 +0000
    Ready:          True
    Restart Count:  3
    Limits:
      cpu:     100m
      memory:  64Mi
    Liveness:  http-get http://:80/ delay=0s timeout=1s period=10s successThreshold=1 failureThreshold=3
    Environment:
      A:  b
      P:  <set to the key 'pw' in secret 'db'>  Optional: false
    Mounts:
      /etc/web from conf (ro)
Conditions:
  Type    Status
  Ready   True 
Volumes:
  conf:
    Type:        ConfigMap (a volume populated by a ConfigMap)
    Name:        web-conf
    Optional:    false
QoS Class:       Burstable
Node-Selectors:  <none>
Tolerations:     node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
Events:
  Type     Reason   Age                From     Message
  ----     ------   ----               ----     -------
  Warning  BackOff  60s (x4 over 60m)  kubelet  Back-off restarting
";

fn web_pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web", "tier": "front"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": true}]},
        "spec": {"nodeName": "n1", "priority": 0, "serviceAccountName": "web", "volumes": [{"name": "conf", "configMap": {"name": "web-conf"}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "containers": [{"name": "web", "image": "nginx:1", "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"memory": "64Mi", "cpu": "100m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
                "env": [{"name": "A", "value": "b"}, {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}}],
                "volumeMounts": [{"name": "conf", "mountPath": "/etc/web", "readOnly": true}]}]},
        "status": {"phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}], "qosClass": "Burstable",
            "startTime": "2026-11-21T01:14:44Z", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "ready": true, "restartCount": 3, "image": "nginx:1", "imageID": "docker://1", "containerID": "docker://2",
                "state": {"running": {"startedAt": "2026-11-21T01:20:00Z"}},
                "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "startedAt": "2026-11-21T01:15:00Z", "finishedAt": "2026-11-21T01:19:00Z"}}}]}})
}

#[test]
fn a_pod_shows_states_last_states_probes_environment_mounts_and_events() {
    let pod = web_pod();
    let event = json!({"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "count": 4, "source": {"component": "kubelet"},
        "firstTimestamp": "2026-11-21T01:00:00Z", "lastTimestamp": "2026-11-21T01:59:00Z"});
    assert_eq!(described(&pod, &[&event], &|_, _| Vec::new()), POD);
}

#[test]
fn a_deployment_names_its_replica_sets() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "d",
        "creationTimestamp": "2026-11-21T01:14:44Z"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 1}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
        "status": {"replicas": 2, "updatedReplicas": 2, "conditions": [{"type": "Available", "status": "False", "reason": "Minimum"}]}});
    let set = |name: &str, revision: &str| {
        json!({"metadata": {"name": name, "annotations": {"deployment.kubernetes.io/revision": revision},
        "ownerReferences": [{"uid": "d"}]}, "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web",
        "pod-template-hash": name}}, "spec": {"containers": [{"name": "c", "image": if revision == "2" { "i" } else { "old" }}]}}},
        "status": {"replicas": 2}})
    };
    let text = described(&deployment, &[], &|resource, _| match resource {
        "replicasets" => vec![
            set("web-1", "1"),
            set("web-2", "2"),
            set("web-3", "3"),
            json!({"metadata": {"name": "x"}}),
        ],
        _ => Vec::new(),
    });
    for line in [
        "Replicas:               2 desired | 2 updated | 2 total | 0 available | 0 unavailable",
        "RollingUpdateStrategy:  25% max unavailable, 1 max surge",
        "  Labels:  app=web",
        "   c:",
        "    Image:         i",
        "  Available      False   Minimum",
        "OldReplicaSets:  web-1 (2/2 replicas created), web-3 (2/2 replicas created)",
        "NewReplicaSet:   web-2 (2/2 replicas created)",
        "Events:          <none>",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn a_node_sums_what_its_pods_request() {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": {"node-role.kubernetes.io/master": ""}},
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"}}});
    let pod = |cpu: &str, memory: &str| {
        json!({"metadata": {"name": "p", "namespace": "a"}, "spec": {"nodeName": "n1", "containers": [
        {"resources": {"requests": {"cpu": cpu, "memory": memory}}}]}})
    };
    let text = described(&node, &[], &|resource, _| match resource {
        "pods" => vec![
            pod("250m", "70Mi"),
            pod("750m", "1Gi"),
            json!({"spec": {"nodeName": "n2"}}),
        ],
        _ => Vec::new(),
    });
    for line in [
        "Taints:             k:NoSchedule",
        "Non-terminated Pods:          (2 in total)",
        "  cpu                1 (50%)       0 (0%)",
        "  memory             1094Mi (26%)  0 (0%)",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn what_is_not_there_is_said_to_be_none_and_nothing_panics() {
    for (api_version, kind) in [
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("v1", "Service"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "IngressClass"),
        ("storage.k8s.io/v1", "CSINode"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        ("certificates.k8s.io/v1", "CertificateSigningRequest"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "PersistentVolume"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Namespace"),
        ("v1", "ServiceAccount"),
        ("v1", "Node"),
        ("example.com/v1", "Widget"),
    ] {
        let text = alone(&json!({"apiVersion": api_version, "kind": kind}));
        assert!(text.starts_with("Name:"), "{kind}: {text}");
        assert!(text.contains("<none>"), "{kind}: {text}");
    }
}

#[test]
fn a_custom_resource_shows_every_field_under_words() {
    let text = alone(
        &json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "uid": "u"},
        "spec": {"storageClassName": "fast", "ports": [{"portNumber": 1}, {"portNumber": 2}], "names": ["a"]}}),
    );
    assert_eq!(
        text,
        "\
Name:         w
Namespace:    
Labels:       <none>
Annotations:  <none>
API Version:  example.com/v1
Kind:         Widget
Metadata:
  UID:  u
Spec:
  Names:
    a
  Ports:
    Port Number:       1
    Port Number:       2
  Storage Class Name:  fast
Events:                <none>
"
    );
}

/// As kubectl 1.32 describes them.
#[test]
fn volumes_of_every_kind_and_resources_in_units_of_their_divisor_are_shown() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {
        "containers": [{"name": "c", "resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}, "requests": {"memory": "64Mi"}}, "env": [
            {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}},
            {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory"}}}]}],
        "volumes": [
            {"name": "r", "rbd": {"monitors": ["a", "b"], "image": "i", "pool": "rbd", "secretRef": {"name": "s"}}},
            {"name": "z", "azureFile": {"secretName": "s", "shareName": "h"}},
            {"name": "i", "iscsi": {"targetPortal": "t", "iqn": "q", "lun": 3, "iscsiInterface": "default"}},
            {"name": "v", "csi": {"driver": "csi.x", "volumeAttributes": {"x": "y", "a": "b"}}}]}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {
        "capacity": {"storage": "5Gi"}, "csi": {"driver": "csi.x", "volumeHandle": "h1"}}});
    let text =
        described(&pod, &[], &|_, _| Vec::new()) + &described(&volume, &[], &|_, _| Vec::new());
    for line in [
        "      A:  1500 (limits.cpu)",
        "      B:  2 (limits.cpu)",
        "      C:  1024 (limits.memory)",
        "      D:  67108864 (requests.memory)",
        "    Type:          RBD (a Rados Block Device mount on the host that shares a pod's lifetime)",
        "    CephMonitors:  [a b]",
        "    SecretRef:     &LocalObjectReference{Name:s,}",
        "    ShareName:   h",
        "    Portals:            []",
        "    SecretRef:          nil",
        "    InitiatorName:      <none>",
        "    VolumeHandle:      h1",
        "    VolumeAttributes:  <none>",
    ] {
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(
            text.lines().any(|shown| words(shown) == words(line)),
            "{line:?} is not in\n{text}"
        );
    }
    assert_eq!(text.matches("VolumeHandle").count(), 1, "{text}");
    let attributes: Vec<_> = text
        .lines()
        .skip_while(|line| !line.contains("VolumeAttributes"))
        .take(2)
        .collect();
    assert_eq!(
        attributes,
        [
            "    VolumeAttributes:      a=b",
            "                           x=y"
        ]
    );
}
