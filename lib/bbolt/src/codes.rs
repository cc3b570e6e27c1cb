//! Codes of the bbolt file.

use located::codes;

codes! {
    METAS_INVALID = "BOLT-001", Error, "both meta pages are invalid",
        what: "Neither page 0 nor page 1 has the magic, version and checksum of bbolt. etcd panics: `failed to open database` with `invalid database`, `version mismatch` or `checksum error`.",
        why: "The start of the file was overwritten or zeroed, another program wrote the file, or it was written on a big-endian machine.",
        next: "Use another copy of this member, or another member. The WAL of this member may still be intact: etcd-inspect wal {path}";
    META_INVALID = "BOLT-002", Warning, "one meta page is invalid",
        what: "bbolt silently uses the other meta page. If the newer one is damaged, the last commit (up to 100 ms of writes) is ignored; etcd usually replays it from the WAL.",
        why: "Power was lost while the meta was written, or bit rot.",
        next: "Keep a copy of the directory before etcd starts on it; etcd-inspect status --meta older {path} shows the other state.";
    META_INITIAL = "BOLT-003", Error, "only the initial, empty meta is left",
        what: "The valid meta describes a new, empty database, but the file contains more pages. etcd would start with an empty store.",
        why: "The newer meta was damaged right after a defragmentation, while the older one still described the new, empty file.",
        next: "Do not start etcd on this copy. Use another member, or rebuild the db from the pages in the file.";
    META_TXIDS = "BOLT-004", Warning, "the txids of the metas do not differ by 1",
        what: "The two metas are not from consecutive transactions. (In a backup the roots are equal and the txids differ by 1.)",
        why: "The file mixes two states: it was spliced, partly restored, or copied while etcd was writing.",
        next: "etcd-inspect check --deep {path}, then compare this member with the others.";
    META_PAGE = "BOLT-005", Warning, "the header of a meta page is wrong",
        what: "A meta is on the wrong page for its txid, or its page header has another id or type. bbolt does not check this.",
        why: "A misdirected write or an edited file.",
        next: "etcd-inspect page 0 -d {path}";
    PAGE_SIZE = "BOLT-006", Error, "the page size is invalid",
        what: "The page size of the meta is not a power of two, or differs from the distance between the two metas.",
        why: "Corruption of the meta page.",
        next: "etcd-inspect page 0 --hex -d {path}";
    FILE_SHORT = "BOLT-007", Error, "the db is shorter than its meta says",
        what: "Pages below the high-water mark are beyond the end of the file. etcd dies with `unexpected fault address` (SIGBUS) when it reads one.",
        why: "An incomplete copy (disk full, interrupted, copied while etcd was writing) or a truncated file system.",
        next: "Copy the original again and compare sizes: stat -c %s /var/lib/etcd/member/snap/db";
    PAGE_OUT_OF_RANGE = "BOLT-008", Error, "a page id is out of range",
        what: "A meta, bucket or branch points to page 0, to page 1, or to a page at or above the high-water mark. etcd panics (`out of bounds`) or reads garbage.",
        why: "Corruption of the page that contains the pointer, or of the high-water mark.",
        next: "The subtree of that pointer is missing in this copy; compare with another member.";
    PAGE_ID = "BOLT-009", Error, "the id in a page header is not the position of the page",
        what: "The page identifies itself as another page. etcd panics: `assertion failed: Page expected to be: P, but self identifies as Q`.",
        why: "A misdirected or lost write. Id 0 followed by zeros is a lost extent, or a hole from a sparse copy.",
        next: "The content of this page is used only if its keys fit its parent; compare with another member.";
    PAGE_TYPE = "BOLT-010", Error, "a page has an invalid type",
        what: "A page of a tree is neither a branch nor a leaf. etcd panics: `page N: has unexpected type/flags`.",
        why: "A zeroed or overwritten page, a lost write, or a wrong pointer.",
        next: "The content of this page is missing in this copy; compare with another member.";
    ELEMENT = "BOLT-011", Error, "an element is out of place",
        what: "The key or value of an element is outside the page, or does not directly follow the element before it, as bbolt always writes them. bbolt does not check this: it crashes or returns wrong bytes.",
        why: "Bit rot in the element array, or in the element count of the page.",
        next: "The other elements of the page were read; compare this one with another member.";
    KEY_ORDER = "BOLT-012", Error, "the keys of a page are out of order",
        what: "A key is not greater than the key before it. etcd 3.5.8 and later panic when they open the file; lookups of older releases miss keys.",
        why: "Bit rot in a key, or a page from another state of the tree (torn copy, lost write).",
        next: "Compare with another member.";
    KEY_RANGE = "BOLT-013", Error, "the keys of a page are outside its parent's range",
        what: "A page contains keys that are smaller or greater than its parent branch allows. Lookups miss them; etcd 3.5.8 and later panic when they open the file.",
        why: "A lost or misdirected write left a page from another state in the tree.",
        next: "Compare with another member.";
    PAGE_SHARED = "BOLT-014", Error, "a page is used twice",
        what: "A page is referenced twice, or is part of the overflow of another page. etcd panics: `multiple references`.",
        why: "A lost write, a page that was freed twice, or a corrupt overflow count.",
        next: "Compare with another member; do not restore from a member with this damage.";
    FREE_IN_USE = "BOLT-015", Error, "a page in use is listed as free",
        what: "The stored freelist contains a page that a tree reaches. The next commits overwrite that page.",
        why: "A corrupt freelist, or a tool that wrote to the file.",
        next: "Do not start etcd on it. Rebuild the freelist in a copy: bbolt surgery freelist abandon FILE --output NEW";
    LEAKED = "BOLT-016", Warning, "pages are neither used nor free",
        what: "Pages below the high-water mark are neither in a tree nor in the stored freelist: their space is lost until a defragmentation.",
        why: "A crash with an old bbolt, or an edited freelist.",
        next: "Harmless. A defragmentation frees the space.";
    FREELIST = "BOLT-017", Warning, "the freelist is malformed",
        what: "The stored freelist is unsorted, contains a page twice or a page out of range, or cannot be read.",
        why: "Corruption, or a tool that wrote to the file.",
        next: "bbolt surgery freelist abandon FILE --output NEW, in a copy, makes bbolt rebuild it.";
    INLINE = "BOLT-018", Error, "an inline bucket is damaged",
        what: "Elements of a bucket that is stored in its parent's page are out of order or out of bounds. `bbolt check` does not read them.",
        why: "Bit rot in the root page.",
        next: "etcd-inspect meta {path} shows the elements that can be read.";
    FOREIGN_BUCKET = "BOLT-019", Warning, "the db contains what etcd never writes",
        what: "A bucket with a name that etcd does not use, a nested bucket (etcd panics: it reads the value as a bucket header), a value beside the buckets, or a sequence other than 0.",
        why: "The db of another program, a flipped bit in a bucket name (then that bucket is missing), or an edited file.",
        next: "etcd-inspect page -d {path} lists the content.";
    TORN_COPY = "BOLT-020", Error, "the copy was taken while etcd was writing",
        what: "Pages are newer than the meta page that leads to them: the copy mixes several states of the file. Only the copy is damaged, the member that it was taken from need not be.",
        why: "cp, rsync or a backup tool read the files of a running member.",
        next: "Copy again with etcd stopped, or use `etcdctl snapshot save`. Do not replace the member because of this copy.";
    MOSTLY_FREE = "BOLT-021", Note, "most of the file is free",
        what: "More than half of the pages are free. Only a defragmentation makes the file smaller.",
        why: "Many keys were deleted or compacted since the last defragmentation.",
        next: "When convenient, on the running member: etcdctl defrag";
    LONG_TAIL = "BOLT-022", Note, "the file is much longer than its content",
        what: "More than 16 MiB plus the usual growth follow the high-water mark.",
        why: "Another program extended the file, or commits that wrote these pages never finished.",
        next: "Nothing to do.";
    OVERFLOW = "BOLT-023", Error, "the overflow of a page ends beyond the file or the high-water mark",
        what: "The overflow count of a page includes pages that do not exist.",
        why: "Bit rot in the overflow count, or a truncated file.",
        next: "Elements that are in the file were read; compare with another member.";
    TREE_DEPTH = "BOLT-024", Error, "the tree is deeper than any real one",
        what: "The path from the root passes more branch pages than a full tree of the whole file needs.",
        why: "A file made to exhaust its reader, or pointers into other trees.",
        next: "Deeper pages are not read. Compare with another member.";
    PAGE_PADDING = "BOLT-025", Warning, "a page has bytes after its last value",
        what: "bbolt leaves the rest of a page zero. This page has other bytes there: its element count or the length of a value may have been larger.",
        why: "A lowered element count (the last elements are then invisible), a shortened value, or a write by another program.",
        next: "Compare the keys of this page with another member: etcd-inspect page N -d {path}";
    ELEMENT_FLAGS = "BOLT-026", Warning, "an element has flags that bbolt never writes",
        what: "bbolt sets only the lowest bit, for buckets, and ignores the others: the element is read as before.",
        why: "A flipped bit. Other bits of the file may have flipped too.",
        next: "Compare with the other members, or with a backup: etcd-inspect compare {path} OTHERS";
}
