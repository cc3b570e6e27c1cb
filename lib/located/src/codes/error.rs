//! Codes of errors: `E00xx` usage, `E01xx` reading bytes, `E03xx` revisions.

use crate::codes;

codes! {
    NOT_EVIDENCE = "E0001", Error, "not an etcd data directory",
        what: "The path exists, but contains neither member/snap/db, snap/db, a bbolt file, a WAL, a .snap file nor an archive of these.",
        why: "A wrong path, a folder one level too high or too low, or a file of another program.",
        next: "Give the directory that contains `member/`, or the db file itself; evidence found nearby is listed with the error.";
    USAGE = "E0002", Error, "the command line is invalid",
        what: "A verb, flag, column or value does not exist, or two flags exclude each other.",
        why: "A typing error, or a flag of another version.",
        next: "etcd-inspect help";
    IO = "E0003", Error, "the file cannot be read",
        what: "The operating system returned an error when the path was opened or read.",
        why: "A missing file, a missing permission (etcd uses modes 0700 and 0600), or a disk that returns I/O errors.",
        next: "Check the path, and run as a user that may read it. On a failing disk use `--io read`, which skips unreadable ranges.";
    LIMIT = "E0004", Error, "a limit was reached",
        what: "The evidence is larger or deeper than the limit that protects the memory of this machine.",
        why: "A very large archive, or a file made to exhaust memory.",
        next: "If you trust the file, raise the limit with the option in the error.";
    MISSING = "E0005", Error, "the evidence lacks this part",
        what: "The command needs a part (db, WAL, .snap, bucket) that the path does not contain.",
        why: "A bare db has no WAL; a snapshot file has no raft log; a young member has no .snap.",
        next: "etcd-inspect status {path}     lists the parts that were found; a whole data directory has all of them";
    NOT_FOUND = "E0006", Error, "not found",
        what: "The command is valid, but the evidence contains nothing that matches it.",
        why: "The key was never written, was deleted and compacted, or is only in the WAL.",
        next: "etcd-inspect keys --deleted {path}";
    OUTPUT = "E0007", Error, "the result cannot be written",
        what: "The output path exists already, is in the evidence, or is not writable.",
        why: "Evidence is never changed, and nothing is overwritten without --force.",
        next: "Give another --out, outside the evidence.";
    INTERRUPTED = "E0008", Error, "stopped before there was an answer",
        what: "Ctrl-C or another signal ended the command before it had anything to show; nothing was written.",
        why: "The user or a supervisor stopped it.",
        next: "Run the same command again; `--limit`, `--prefix` and `--quick`, where a verb has them, give an answer sooner.";
    LOCKED = "E0105", Error, "the value is encrypted and no key decrypts it",
        what: "kube-apiserver encrypted the value at rest, and none of the given keys decrypts it.",
        why: "No EncryptionConfiguration was given, it belongs to another cluster or is older than a key rotation, or the value was copied to another etcd key.",
        next: "etcd-inspect get WHAT --encryption-config FILE -d {path}     (etcd-inspect meta --encryption {path} lists the keys needed)";
    TRUNCATED = "E0102", Error, "the file ends too early",
        what: "A structure ends beyond the end of the file or of its page.",
        why: "An incomplete copy (disk full, copied while etcd was writing) or a damaged length field.",
        next: "etcd-inspect check {path}";
    MALFORMED = "E0103", Error, "the bytes have an impossible content",
        what: "A structure is at its place, but its content is impossible.",
        why: "Bit rot, a misdirected or lost write, or a file of another program.",
        next: "etcd-inspect check {path}";
    NO_START = "E0312", Error, "etcd does not start on this directory",
        what: "`--replay` shows the store as etcd serves it after a start; on this directory it does not start.",
        why: "Damage in the db, the WAL or a .snap, parts of two members, or a member that cannot serve alone.",
        next: "etcd-inspect preflight --for start {path}     (what etcd says); without --replay the db is shown as it is";
    COMPACTED = "E0310", Error, "the revision was compacted",
        what: "The requested revision is lower than the compaction revision; etcd returns ErrCompacted.",
        why: "Kubernetes compacts every five minutes. Of each key only the newest version before the compaction revision is kept.",
        next: "etcd-inspect keys --carved --rev REV {path}     what the log and free pages still have of that state";
    FUTURE = "E0311", Error, "the revision is in the future",
        what: "The requested revision is higher than the newest one of this evidence; etcd returns ErrFutureRev.",
        why: "The db lags behind the WAL (then `--replay` reaches further), or the revision comes from another copy.",
        next: "etcd-inspect status {path}";
}
