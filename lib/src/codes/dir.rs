//! Codes of the directory: layout, leftovers, archives, locks and unreadable places.

use located::codes;

codes! {
    MEMBER_MISSING = "DIR-001", Note, "no member/ around snap/ and wal/",
        what: "snap/ and wal/ are directly in the folder. With this folder as its data directory, etcd finds no member/ and starts an empty new member.",
        why: "The content of member/ was copied without the folder, or the directory is of an etcd before 2.1.",
        next: "To start etcd on it, put both folders below member/. For reading nothing is needed.";
    MEMBER_AND_PROXY = "DIR-002", Error, "member/ and proxy/ side by side",
        what: "etcd up to 3.5 refuses to start: `invalid datadir; both member and proxy directories exist`.",
        why: "A directory of the old v2 proxy was copied over one of a member.",
        next: "If this was a member, move proxy/ away on a copy.";
    WAL_MISSING = "DIR-003", Error, "a db without a WAL",
        what: "There is no *.wal. etcd would start a new cluster over the old data and silently not apply new writes until its raft index passes the old one.",
        why: "The WAL was on another disk (--wal-dir) and was not copied, or was deleted.",
        next: "Find the WAL folder and give it with --wal-dir, as to etcd: etcd-inspect check {path} --wal-dir WALDIR. Without it restore from the db: etcdutl snapshot restore --skip-hash-check member/snap/db";
    DB_MISSING = "DIR-004", Error, "a WAL without a db",
        what: "There is no snap/db. etcd panics or reports that the backend's file is missing; it makes the db again if the log has every entry since the store was empty and there is no .snap file.",
        why: "The db was deleted or is elsewhere.",
        next: "Take the db from another member or a backup; etcd-inspect wal {path} shows what the WAL contains";
    BROKEN_FILES = "DIR-005", Warning, "*.broken files",
        what: "etcd sets a file aside under this name: a WAL segment before it cuts its damaged tail off, a .snap that it cannot read. It ignores them from then on.",
        why: "A crash, a full disk or bit rot before an earlier start. What was cut off a WAL is in the .wal.broken file only.",
        next: "etcd-inspect wal FILE.wal.broken";
    TEMPORARY_FILES = "DIR-006", Note, "temporary files",
        what: "N.tmp is the preallocated next WAL segment, db.tmp* an unfinished defragmentation, tmp* an unfinished receipt of a snapshot. etcd removes them at its next start (3.7 leaves db.tmp*).",
        why: "The server was killed. N.tmp is normal then.",
        next: "Nothing; they only take space.";
    SNAP_DB = "DIR-007", Note, "a received db that was not put in place",
        what: "INDEX.snap.db is a whole db that the leader sent. At its next start etcd puts it in place of db if its index is greater than db's consistent_index.",
        why: "The member was stopped while it received a snapshot.",
        next: "etcd-inspect status FILE.snap.db";
    PERMISSIONS = "DIR-008", Note, "open permissions",
        what: "etcd creates folders with 0700 and db and WAL with 0600, and warns if folders differ. Every secret of the cluster is in these files.",
        why: "Copied or restored as another user or without preserving modes.",
        next: "On a real member: chmod 700 its folders, 600 its files. In a copy they do not show the modes of the original.";
    LOCK_HELD = "DIR-009", Note, "a running server holds the files",
        what: "A process holds a lock on files of this directory (bbolt locks db, etcd its WAL segments). What is read here may mix states of different times; a copy of it is not atomic.",
        why: "etcd is running on this directory.",
        next: "For an exact answer take a backup (etcdctl snapshot save FILE) or stop the server before copying.";
    WAL_SIZE = "DIR-010", Warning, "an unexplained size of the last WAL segment",
        what: "The segment being written has 64,000,000 bytes, or ends with its last record after a repair. A longer one is finished, and etcd then creates the next one; etcd never cuts a shorter one that ends with zeros: another program did, or wrote it.",
        why: "The newest segments were not copied or were deleted, the copy is truncated, or the writer was built with another segment size.",
        next: "Compare with the original folder (ls -l). Entries of missing segments may be lost: etcd-inspect wal --segments {path}";
    NESTED_DATA_DIR = "DIR-011", Warning, "a data directory inside the data directory",
        what: "etcd reads only the outer one. This check cannot decide which of the two has the real data.",
        why: "etcd was started with another --data-dir or from another working directory (default NAME.etcd), or a restore went one level too deep.",
        next: "etcd-inspect status on each of them, and compare their revisions.";
    STRAY_FILES = "DIR-012", Note, "files that are not etcd's",
        what: "etcd ignores them; up to 3.5 it logs `found invalid file under data directory`.",
        why: "lost+found of a mount, backups next to the original, notes; k3s keeps `config` and `name` here.",
        next: "Nothing; etcd-inspect looks at each if you name it.";
    EMPTY_FILE = "DIR-013", Error, "an empty file",
        what: "A file that should contain data has length 0. etcd does not start with such a db or WAL segment; instead of such a .snap file it takes the next older one.",
        why: "A crash before the first write reached the disk, a full disk, or a broken copy.",
        next: "Compare with the original. Other files of the directory are still readable.";
    NOT_REGULAR = "DIR-014", Warning, "neither a file nor a folder",
        what: "The evidence contains a FIFO, socket, device or broken symbolic link. It was not opened: that could block or change something.",
        why: "A `wal` link to another disk that was not copied along, or a file that another program created.",
        next: "ls -l {path}";
    UNREADABLE = "DIR-015", Error, "a folder or file could not be read",
        what: "The system refused to list the folder or to open the file; it is part of no answer.",
        why: "Missing permission (etcd writes 0700 and 0600), or a failing disk.",
        next: "Run as a user who may read it, or make a readable copy.";
    UNREADABLE_RANGE = "DIR-016", Error, "a range of the file could not be read",
        what: "Reads failed with an I/O error. The range is read as zeros; the check of the file's format then reports damage there.",
        why: "A failing disk, or a damaged image or network mount.",
        next: "Copy what can be copied first (ddrescue), then work on the copy.";
    SHRANK = "DIR-017", Error, "a file was shortened while it was read",
        what: "The file ended before the length that it had when it was opened.",
        why: "A server writes to the directory, or another program copies over it.",
        next: "Stop the program that writes to it, or work on a copy, and run the command again.";
    ARCHIVE_REFUSED = "DIR-018", Warning, "an entry of the archive was refused",
        what: "The name of the entry climbs out with `..`, or it is a device, a link to something that is not in the archive, cannot be read, or is in the archive twice. It is part of no answer. Links to files and folders of the archive are read like these.",
        why: "Links are normal in backups of a whole file system; a `wal` link means that the WAL was not archived. Other refusals mean that the archive was made to deceive.",
        next: "List it with the archive's own program; extract it yourself into a new folder if you trust it, and give that folder.";
    ARCHIVE_DAMAGED = "DIR-019", Error, "the archive is damaged or truncated",
        what: "The archive could not be read to its end, or a checksum in it does not match. Everything before the damage was read.",
        why: "An interrupted copy or upload, or bit rot.",
        next: "Fetch the archive again and compare sizes and checksums; answers from this one are incomplete.";
    TOO_MANY_FILES = "DIR-020", Warning, "more files than are read",
        what: "The folder holds more files than the limit; the files over the limit are part of no answer.",
        why: "WAL segments are not purged, or this is not a folder of etcd's.",
        next: "Give a more precise path.";
    NOTHING_HERE = "DIR-021", Error, "neither db nor WAL",
        what: "The folders exist, but contain nothing that etcd wrote. etcd would start an empty new member.",
        why: "A wrong path, an unmounted disk, or a copy that stopped at once.",
        next: "Check whether the disk is mounted, and search for `db` and *.wal: find / -name '*.wal'";
    ABSOLUTE_NAMES = "DIR-022", Note, "absolute names in the archive",
        what: "Names of entries begin with a slash. They are read as if it were not there, as tar(1) does when it extracts.",
        why: "The archive was made with tar -P, or by a program that keeps whole paths.",
        next: "Nothing for reading. When you extract it yourself, use a new folder and a tar that strips the slash.";
    ARCHIVE_ENCRYPTED = "DIR-023", Error, "entries of the archive are encrypted",
        what: "A password is needed to read them. They are part of no answer, and nothing is known of what is in them.",
        why: "A backup program or a person protected the archive.",
        next: "Unpack it with its password into a new folder, and give that folder: 7z x ARCHIVE.zip";
    HOLE_IN_DB = "DIR-024", Error, "a hole in the db",
        what: "A range of the file has no blocks on disk, and the db leads into it: nothing was ever written there, or a copy left it out. It reads as zeros, and each page in it is damaged.",
        why: "A download or copy that stopped and went on later, a sync program that makes the file its full length first, a lost write of a disk or file system, or fallocate --punch-hole.",
        next: "If the original still exists, compare its blocks (ls -ls) and copy it again: etcd-inspect manifest {path} records length, blocks and SHA-256.";
    HOLE_IN_LOG = "DIR-025", Error, "a hole in a WAL segment",
        what: "A range of the segment has no blocks on disk, and records follow after it. etcd appends, so it never leaves one: it was lost. It reads as zeros, and the log ends there.",
        why: "A download or copy that stopped and went on later, a lost write of a disk or file system, or fallocate --punch-hole.",
        next: "If the original still exists, compare its blocks (ls -ls) and copy it again: etcd-inspect manifest {path} records length, blocks and SHA-256.";
}
