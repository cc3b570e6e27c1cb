//! Codes of Kubernetes objects. etcd notices none of these.

use located::codes;

codes! {
    COMPACT_REV_KEY = "K8S-001", Warning, "compact_rev_key is ahead of the store",
        what: "kube-apiserver writes into `compact_rev_key` the revision that it compacts to next. That revision is always lower than the revision of the write itself.",
        why: "A restore without --bump-revision, an edit by hand, or a damaged value.",
        next: "etcd-inspect history compact_rev_key -d {path}";
    UNDECODABLE = "K8S-002", Error, "a value is not a Kubernetes object",
        what: "The value cannot be decoded. kube-apiserver then fails every LIST and WATCH of the whole resource, and the controllers of that type stop.",
        why: "Bit rot (nothing in bbolt protects values), a write past the API server (etcdctl put), or a key of another program below the Kubernetes prefix.",
        next: "etcd-inspect get --undecodable -d {path} shows the bytes; etcd-inspect history KEY -d {path} shows older versions. Write a good version back, or delete the key.";
    KEY_MISMATCH = "K8S-003", Warning, "an object does not belong to its key",
        what: "Kind, name or namespace in the object differ from the key. The API server lists the object under the name in the object but reads and deletes by key: it can neither be fetched nor deleted through the API.",
        why: "A flipped bit in the key or in the name, etcdctl put under another key, or a copy by hand.",
        next: "etcd-inspect get KEY -d {path} shows the object; delete the key with etcdctl after its right copy has been written.";
    CLOSED = "K8S-004", Note, "no key was given that opens an encrypted value",
        what: "No EncryptionConfiguration was given, or it has no key of that provider and name for the resource. The value is not checked, and nothing is known to be wrong with it. If the configuration of kube-apiserver has no such key either, kube-apiserver fails every LIST of the resource: `no matching prefix found`, `no matching key was found for the provided AES transformer`.",
        why: "Another configuration was given than the one that wrote the value; or a key was removed from it before every value was rewritten, or the data was restored beside a newer one.",
        next: "Give the EncryptionConfiguration that has the key: etcd-inspect check --deep --encryption-config FILE {path}. etcd-inspect meta --encryption {path} counts values per resource and key.";
    SEAL_BROKEN = "K8S-005", Error, "an encrypted value cannot be decrypted",
        what: "The configuration has a key of that name, but it does not fit; or the bytes after the prefix are too few, or of a length that the cipher never writes.",
        why: "Bit rot in the ciphertext, a value copied to another etcd key (AES-GCM authenticates the etcd key), or another key under the same name.",
        next: "etcd-inspect history KEY -d {path} shows older versions that may decrypt. Keep the value: another key, or a whole copy of it, may still open it.";
    SEALS_MIXED = "K8S-006", Note, "values of one resource are encrypted differently",
        what: "Some values are plaintext and some encrypted, or they are encrypted with different keys: a key rotation has not reached all of them. The API server reads all of them while all keys are configured.",
        why: "A value is encrypted when it is written. To rewrite all: `kubectl get RESOURCE -A -o json | kubectl replace -f -`.",
        next: "etcd-inspect meta --encryption {path}";
    STORED_VERSION = "K8S-007", Warning, "an object was stored with a resourceVersion",
        what: "kube-apiserver never stores metadata.resourceVersion; when it reads an object it sets the field to the revision of the key.",
        why: "A write past the API server: etcdctl put of an object that was read through the API.",
        next: "etcd-inspect history KEY -d {path} shows when. Harmless in itself.";
    NO_NAMESPACE = "K8S-008", Warning, "objects are in a namespace that does not exist",
        what: "The API does not list them by namespace, and nothing ever deletes them.",
        why: "A partial restore, etcdctl del of a namespace, or a damaged namespace key.",
        next: "etcd-inspect history namespaces/NAME -d {path}. Create the namespace again to reach them.";
    EVENT_WITHOUT_LEASE = "K8S-009", Warning, "events have no lease",
        what: "Events expire with their etcd lease. Without a lease they are never deleted, and the db grows.",
        why: "Events written past the API server, or --event-ttl 0.",
        next: "etcd-inspect keys --by-resource {path} shows how many there are; delete them with kubectl.";
    DUPLICATE_UID = "K8S-010", Warning, "several objects have the same uid",
        what: "A uid is unique forever. Controllers and the garbage collector take the objects for one.",
        why: "An object copied with etcdctl, or restored under another key while the first one was still there.",
        next: "etcd-inspect get KEY -d {path} for each; delete the copy.";
    OWNER_MISSING = "K8S-011", Note, "an owner does not exist",
        what: "An ownerReference names a uid that no object has. The garbage collector deletes such objects in its next rounds, if it knows the owner's kind.",
        why: "A deletion that the garbage collector had not followed yet. After a partial restore: the owner was not restored, and what it owns is in danger.",
        next: "etcd-inspect get KEY -o yaml -d {path} shows the reference. Before a start after a partial restore: stop the kube-controller-manager.";
    NAMESPACE_TERMINATING = "K8S-012", Note, "a namespace is Terminating and still has objects",
        what: "Its phase is Terminating and objects are left in it. Finalizers, or an API that does not answer, block the deletion.",
        why: "A deletion in progress, or one that is blocked by an aggregated API or by a finalizer whose controller is gone.",
        next: "etcd-inspect keys --by-resource --prefix /registry/ -d {path}; etcd-inspect get namespaces/NAME -o yaml -d {path} shows its conditions.";
    STUCK_FINALIZER = "K8S-013", Note, "objects wait for finalizers",
        what: "They were deleted more than an hour before the newest write and still have finalizers.",
        why: "The controller that removes the finalizer is gone or failing.",
        next: "etcd-inspect get KEY -o yaml -d {path}";
    NO_CRD = "K8S-014", Note, "custom objects have no definition",
        what: "No CustomResourceDefinition of their group and plural exists: the API does not serve them, and nothing ever deletes them.",
        why: "The CRD was deleted after its finalizer had been removed by hand, or it was not restored.",
        next: "etcd-inspect keys --by-resource {path} shows how many there are.";
    HUGE = "K8S-015", Note, "an object is near the maximum size of a request",
        what: "etcd refuses requests above 1.5 MiB (--max-request-bytes): an update of an object of this size may fail.",
        why: "A ConfigMap or Secret that grew, or a status with thousands of entries.",
        next: "etcd-inspect space --top 20 {path}";
    SERVICE_CLASH = "K8S-016", Warning, "services share an address",
        what: "Two Services have the same cluster IP, or the same node port and protocol. Only one of them is reachable there.",
        why: "A restore to an older state, or a lost allocation bitmap.",
        next: "etcd-inspect get services -A -o wide -d {path}. Delete one and create it again.";
    STORED_VERSIONS = "K8S-017", Warning, "a CRD has objects in a version that it no longer defines",
        what: "status.storedVersions names a version that spec.versions does not contain: objects stored in that version cannot be read.",
        why: "A version was removed from the CRD before every object was rewritten.",
        next: "etcd-inspect get customresourcedefinitions -d {path}";
    UID_CHANGES = "K8S-018", Warning, "an object changes its uid without being deleted",
        what: "Two versions of a key without a delete between them have different uids. The API server refuses such an update.",
        why: "etcdctl put over an existing object, or a flipped bit in one of the versions.",
        next: "etcd-inspect history KEY -d {path}";
    KEY_SYNTAX = "K8S-019", Warning, "a key has a form that no API server writes",
        what: "The key is below the Kubernetes prefix but has an empty segment or no name.",
        why: "etcdctl put, or a flipped bit in the key.",
        next: "etcd-inspect get KEY -d {path}";
    UNDECODABLE_HISTORY = "K8S-020", Warning, "an older version of a value is not a Kubernetes object",
        what: "The newest version can be decoded, an older one that is still retained cannot. A watch that starts before that version fails.",
        why: "Bit rot in a page that was not rewritten since, or a write past the API server that was corrected later.",
        next: "etcd-inspect history KEY -d {path}";
}
