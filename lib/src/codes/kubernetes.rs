//! Codes of Kubernetes objects. etcd notices none of these.

use located::codes;

codes! {
    COMPACT_REV_KEY = "K8S-001", Warning, "compact_rev_key is ahead of the store",
        what: "kube-apiserver writes into `compact_rev_key` the revision up to which it compacts next. It is always lower than the revision of that write itself.",
        why: "A restore without --bump-revision, an edit by hand, a damaged value.",
        next: "etcd-inspect history compact_rev_key -d {path}";
    UNDECODABLE = "K8S-002", Error, "a value is no Kubernetes object",
        what: "The value cannot be decoded. kube-apiserver then fails every LIST and WATCH of the whole resource, controllers of that type stop.",
        why: "Bit rot (nothing in bbolt protects values), a write past the API server (etcdctl put), an etcd key that is no object.",
        next: "etcd-inspect get --undecodable -d {path} shows the bytes; etcd-inspect history KEY -d {path} shows older versions. Write a good version back, or delete the key.";
    KEY_MISMATCH = "K8S-003", Warning, "an object is not the one its key names",
        what: "Kind, name or namespace in the object differ from the key. The API server lists it under the object's name but reads and deletes by key: it can neither be fetched nor deleted through the API.",
        why: "A flipped bit in the key or in the name, etcdctl put under another key, a copy by hand.",
        next: "etcd-inspect get KEY -d {path} shows the object; delete the key with etcdctl once its right copy is there.";
    CLOSED = "K8S-004", Error, "no key opens an encrypted value",
        what: "The EncryptionConfiguration that was given has no key of that provider and name for the resource. kube-apiserver fails every LIST of the resource: `no matching prefix found`, `no matching key was found for the provided AES transformer`.",
        why: "A key was removed from the configuration before everything was rewritten; a restore beside a newer configuration.",
        next: "Look for the older EncryptionConfiguration: etcd-inspect meta --encryption {path} counts values per resource and key.";
    SEAL_BROKEN = "K8S-005", Error, "an encrypted value does not open",
        what: "The key of that name does not decrypt the value, or the ciphertext is too short or of a length that the cipher never writes.",
        why: "Bit rot in the ciphertext, a value moved to another key (AES-GCM binds the etcd key), another key under the same name.",
        next: "etcd-inspect history KEY -d {path} shows older versions that may open; else delete the key.";
    SEALS_MIXED = "K8S-006", Note, "values of one resource are sealed differently",
        what: "Some are plain, some encrypted, or with different keys: a rotation that has not reached all. The API server reads them all while all keys are configured.",
        why: "Values are encrypted when they are written; rewriting all takes `kubectl get RESOURCE -A -o json | kubectl replace -f -`.",
        next: "etcd-inspect meta --encryption {path}";
    STORED_VERSION = "K8S-007", Warning, "an object was stored with a resourceVersion",
        what: "kube-apiserver never stores metadata.resourceVersion; on reading it puts the revision there.",
        why: "A write past the API server: etcdctl put of an object that was read through the API.",
        next: "etcd-inspect history KEY -d {path} shows when. Harmless by itself.";
    NO_NAMESPACE = "K8S-008", Warning, "objects in a namespace that does not exist",
        what: "The API does not show them by namespace, and nothing will ever delete them.",
        why: "A partial restore, etcdctl del of a namespace, a damaged namespace key.",
        next: "etcd-inspect history namespaces/NAME -d {path}; create the namespace again to reach them.";
    EVENT_WITHOUT_LEASE = "K8S-009", Warning, "events without a lease",
        what: "Events expire with their etcd lease. Without one they stay for ever, and the db grows.",
        why: "Events written past the API server, or --event-ttl 0.",
        next: "etcd-inspect keys --by-resource {path} shows how many there are; delete them with kubectl.";
    DUPLICATE_UID = "K8S-010", Warning, "several objects have the same uid",
        what: "uids are unique for ever. Controllers and the garbage collector take both for one object.",
        why: "An object copied with etcdctl, or restored under a second key.",
        next: "etcd-inspect get KEY -d {path} for each; delete the copy.";
    OWNER_MISSING = "K8S-011", Note, "owners that do not exist",
        what: "An ownerReference names a uid that no object has. The garbage collector deletes such objects in its next rounds, if it knows the owner's kind.",
        why: "The owner was deleted and the garbage collector had not run yet; after a partial restore: the owner was not restored, and what it owns will be deleted.",
        next: "etcd-inspect get KEY -o yaml -d {path} shows the reference. Before a start after a partial restore: stop the kube-controller-manager.";
    NAMESPACE_TERMINATING = "K8S-012", Note, "a namespace is being deleted and still has objects",
        what: "Its phase is Terminating and it still contains objects: finalizers, or an API that does not answer, delay the deletion.",
        why: "The deletion is in progress, or waits for an aggregated API or a finalizer whose controller is gone.",
        next: "etcd-inspect keys --by-resource --prefix /registry/ -d {path}; etcd-inspect get namespaces/NAME -o yaml -d {path} shows its conditions.";
    STUCK_FINALIZER = "K8S-013", Note, "objects wait for finalizers",
        what: "They were deleted more than an hour before the newest write and still have finalizers.",
        why: "The controller that removes the finalizer is gone or failing.",
        next: "etcd-inspect get KEY -o yaml -d {path}";
    NO_CRD = "K8S-014", Note, "custom objects without their definition",
        what: "No CustomResourceDefinition of their group and plural exists: the API does not serve them, and they stay for ever.",
        why: "The CRD was deleted with its finalizer patched away, or not restored.",
        next: "etcd-inspect keys --by-resource {path} shows how many there are.";
    HUGE = "K8S-015", Note, "objects near the limit of a request",
        what: "etcd refuses requests above 1.5 MiB: an object of this size may no longer be updated.",
        why: "A ConfigMap or Secret that grew, a status with thousands of entries.",
        next: "etcd-inspect space --top 20 {path}";
    SERVICE_CLASH = "K8S-016", Warning, "services share an address",
        what: "Two Services have the same ClusterIP, or the same node port and protocol. Only one of them is reachable there.",
        why: "A restore to an older state, a lost allocation bitmap.",
        next: "etcd-inspect get services -A -o wide -d {path}; delete one and create it again.";
    STORED_VERSIONS = "K8S-017", Warning, "a CRD was stored in a version that it no longer has",
        what: "status.storedVersions names a version that spec.versions lacks: objects stored in it cannot be read.",
        why: "A version was removed from the CRD before everything was rewritten.",
        next: "etcd-inspect get customresourcedefinitions -d {path}";
    UID_CHANGES = "K8S-018", Warning, "an object changes its uid within its life",
        what: "Two versions of a key without a deletion between them have different uids: the API server never writes that.",
        why: "etcdctl put over an existing object, a flipped bit in one of the versions.",
        next: "etcd-inspect history KEY -d {path}";
    KEY_SYNTAX = "K8S-019", Warning, "keys that no API server writes",
        what: "They are below the prefix of Kubernetes but have an empty segment or no name.",
        why: "etcdctl put, or a flipped bit in the key.",
        next: "etcd-inspect get KEY -d {path}";
    UNDECODABLE_HISTORY = "K8S-020", Warning, "an older version of a value is no Kubernetes object",
        what: "The newest version decodes, an older one that is still kept does not. Watches that start before it fail.",
        why: "Bit rot in a page that was not rewritten since, or a write past the API server that was corrected.",
        next: "etcd-inspect history KEY -d {path}";
}
