//! Codes of dir.

use super::codes;

codes! {
    UNREADABLE = "DIR-015", Error, "a folder or file could not be read",
        what: "The system refused to list the folder or to open the file; it is part of no answer.",
        why: "Missing permission (etcd writes 0700 and 0600), or a failing disk.",
        next: "Run as a user who may read it, or copy it with the permissions opened: chmod -R u+rX {path}";
    NOT_REGULAR = "DIR-014", Warning, "neither a file nor a folder",
        what: "A FIFO, socket, device or broken symbolic link stands in the evidence. It was not opened: that could block or change something.",
        why: "A `wal` link to another disk that was not copied along, or somebody's experiment.",
        next: "ls -l {path}";
    TOO_MANY_FILES = "DIR-020", Warning, "more files than are looked at",
        what: "The folder holds more files than the limit; those beyond it are part of no answer.",
        why: "Purging of WAL segments stands still, or this is not a folder of etcd's.",
        next: "Give a more precise path.";
}
