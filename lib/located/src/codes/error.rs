//! Errors: what stops one answer. `E00xx` asking, `E01xx` reading bytes, `E03xx` revisions.

use crate::codes;

codes! {
    NOT_EVIDENCE = "E0001", Error, "not an etcd data directory",
        what: "The path exists, but holds neither member/snap/db, snap/db, a bbolt file, a WAL, a .snap nor an archive of these.",
        why: "A wrong path, a folder one level too high or too low, or a file that another program wrote.",
        next: "Give the directory that contains `member/`, or the db file itself; evidence found nearby is listed with the error.";
    USAGE = "E0002", Error, "the command line cannot be meant so",
        what: "A verb, flag, column or value that does not exist, or flags that exclude each other.",
        why: "A typing error, or a flag of another version.",
        next: "etcd-inspect help";
    IO = "E0003", Error, "the operating system refused to read",
        what: "Opening or reading the path failed.",
        why: "Missing file, missing permission (etcd writes 0700/0600), or a disk that returns I/O errors.",
        next: "Check the path and run as a user who may read it; on a failing disk use `--io read`, which goes on past unreadable ranges.";
    LIMIT = "E0004", Error, "a limit was reached",
        what: "The evidence is larger or deeper than the bound that protects this machine's memory.",
        why: "A very large archive, or a file made to exhaust memory.",
        next: "If you trust the file, raise the limit with the option that the error names.";
    MISSING = "E0005", Error, "that part is not in the evidence",
        what: "The question needs a part (db, WAL, .snap, bucket) that the given path does not have.",
        why: "A bare db has no WAL; a snapshot file has no raft log; a young member has no .snap.",
        next: "Give the whole data directory if you have it: `etcd-inspect status {path}` lists the parts found.";
    NOT_FOUND = "E0006", Error, "not found",
        what: "The question was understood, and nothing in the evidence answers it.",
        why: "A key that was never written, was deleted and compacted away, or stands only in the WAL.",
        next: "etcd-inspect keys --deleted {path}";
    OUTPUT = "E0007", Error, "the result cannot be written there",
        what: "The place for the result exists already, lies inside the evidence, or refuses writing.",
        why: "Evidence is never changed, and nothing is overwritten without --force.",
        next: "Give another --out, outside of the evidence.";
    LOCKED = "E0105", Error, "the value is encrypted and no key opens it",
        what: "kube-apiserver encrypted the value at rest; none of the keys at hand belongs to it or fits.",
        why: "No EncryptionConfiguration was given, it is that of another cluster or from before a rotation, or the value was copied to another etcd key.",
        next: "etcd-inspect get WHAT --encryption-config FILE -d {path}     (etcd-inspect meta --encryption {path} lists the keys needed)";
    TRUNCATED = "E0102", Error, "the file ends too early",
        what: "A structure reaches beyond the end of the file or of its page.",
        why: "An incomplete copy (disk full, copied while etcd was writing) or a damaged length field.",
        next: "etcd-inspect check {path}";
    MALFORMED = "E0103", Error, "the bytes cannot be what they should be",
        what: "A structure was found where it should be, but its content is impossible.",
        why: "Bit rot, a misdirected or lost write, or another program's file.",
        next: "etcd-inspect check {path}";
    COMPACTED = "E0310", Error, "the revision was compacted",
        what: "The revision asked for is older than the compaction point; etcd answers ErrCompacted.",
        why: "Kubernetes compacts every five minutes; only the newest version of each key before that point is kept.",
        next: "Ask for a revision above the compaction point (`etcd-inspect status {path}` shows it); older versions may stand in the WAL: etcd-inspect history KEY --wal -d {path}";
    FUTURE = "E0311", Error, "the revision is in the future",
        what: "The revision asked for is newer than the newest one of this evidence; etcd answers ErrFutureRev.",
        why: "The db lags behind the WAL (then `--replay` reaches further), or the revision comes from another copy.",
        next: "etcd-inspect status {path}";
}
