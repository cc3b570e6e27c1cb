//! Codes of the bbolt file.

use located::codes;

codes! {
    METAS_INVALID = "BOLT-001", Error, "both meta pages are invalid",
        what: "Neither page 0 nor page 1 has magic, version and checksum of bbolt. etcd panics: failed to open database (invalid database, version mismatch or checksum error).",
        why: "The head of the file was overwritten or zeroed, the file is another program's, or it was written on a big-endian machine.",
        next: "Take another copy of this member, or another member; the WAL of this one may still be whole: etcd-inspect wal {path}";
    META_INVALID = "BOLT-002", Warning, "one meta page is invalid",
        what: "bbolt silently uses the other meta page. If the newer one is damaged, one commit (up to 100 ms of writes) is not seen; the WAL usually replays it.",
        why: "Power was lost while the meta was written, or bit rot.",
        next: "Keep a copy of the directory before etcd starts on it; etcd-inspect status --meta older {path} shows the other state.";
    META_INITIAL = "BOLT-003", Error, "only the initial, empty meta is left",
        what: "The valid meta describes a new, empty database although the file has more pages. etcd would start with an empty store.",
        why: "The newer meta was damaged right after a defragmentation, when the older one is still that of the new file.",
        next: "Do not start etcd on this copy. Use another member, or rebuild from the pages that are still there.";
    META_TXIDS = "BOLT-004", Warning, "the metas are not neighbours",
        what: "The txids of the two metas differ by something other than 1 (a snapshot file has equal roots and txids that differ by 1).",
        why: "The file was put together from two states: spliced, restored in part, or copied while being written.",
        next: "etcd-inspect check --deep {path}, and compare this member with the others.";
    META_PAGE = "BOLT-005", Warning, "a meta page's header is wrong",
        what: "A meta stands on the wrong page for its txid, or its page header has another id or type. bbolt does not look.",
        why: "A misdirected write or an edited file.",
        next: "etcd-inspect page 0 -d {path}";
    PAGE_SIZE = "BOLT-006", Error, "the page size is impossible",
        what: "The page size of the meta is not a power of two, or not the distance between the two metas.",
        why: "Corruption of the meta page.",
        next: "etcd-inspect page 0 --hex -d {path}";
    FILE_SHORT = "BOLT-007", Error, "the db is shorter than its meta says",
        what: "Pages below the high-water mark lie beyond the end of the file. etcd dies with `unexpected fault address` (SIGBUS) when it touches one.",
        why: "An incomplete copy (disk full, interrupted, copied while etcd was writing) or a truncated file system.",
        next: "Copy the original again and compare sizes: stat -c %s /var/lib/etcd/member/snap/db";
    PAGE_OUT_OF_RANGE = "BOLT-008", Error, "a page id is out of range",
        what: "A meta, bucket or branch points to page 0, 1, or one at or above the high-water mark. etcd panics (`out of bounds`) or reads garbage.",
        why: "Corruption of the pointing page, or of the high-water mark.",
        next: "What lay below that pointer is not seen in this copy; compare with another member.";
    PAGE_ID = "BOLT-009", Error, "a page says it is another page",
        what: "The id in the page's header is not its position. etcd panics: assertion failed: Page expected to be: P, but self identifies as Q.",
        why: "A misdirected or lost write; id 0 with zeros behind it is a lost extent or a hole from a sparse copy.",
        next: "What this page held is not trusted unless its keys fit; compare with another member.";
    PAGE_TYPE = "BOLT-010", Error, "a page has an impossible type",
        what: "A page in a tree is neither branch nor leaf. etcd panics: page N: has unexpected type/flags.",
        why: "A zeroed or overwritten page, a lost write, or a wrong pointer.",
        next: "What this page held is not seen in this copy; compare with another member.";
    ELEMENT = "BOLT-011", Error, "an element reaches where it cannot",
        what: "Key or value of an element lie outside the page, or not directly behind the one before, as bbolt always writes them. bbolt does not check: it crashes or returns wrong bytes.",
        why: "Bit rot in the element array, or in the page's count.",
        next: "The other elements of the page were read; compare this one with another member.";
    KEY_ORDER = "BOLT-012", Error, "keys of a page are out of order",
        what: "A key is not greater than the one before it. etcd 3.5.8 and later panic when they open the file; older ones miss keys in lookups.",
        why: "Bit rot in a key, or a page of another state of the tree (torn copy, lost write).",
        next: "Compare with another member.";
    KEY_RANGE = "BOLT-013", Error, "keys of a page lie outside its parent's range",
        what: "A page holds keys smaller or greater than the branch above it says. Lookups miss them; etcd 3.5.8 and later panic when they open the file.",
        why: "A lost or misdirected write left a page of another state in the tree.",
        next: "Compare with another member.";
    PAGE_SHARED = "BOLT-014", Error, "a page belongs to two places",
        what: "A page is referenced twice, or lies in the overflow run of another. etcd panics: multiple references.",
        why: "A lost write, a page freed twice, or a corrupt overflow count.",
        next: "Compare with another member; do not let a member with this damage become the source of a restore.";
    FREE_IN_USE = "BOLT-015", Error, "a page in use is listed as free",
        what: "The stored free list names a page that a tree reaches. The next commits overwrite it.",
        why: "A corrupted free list, or a tool that wrote to the file.",
        next: "Do not start etcd on it; rebuild the free list on a copy: bbolt surgery freelist abandon";
    LEAKED = "BOLT-016", Warning, "pages are neither used nor free",
        what: "Pages below the high-water mark are in no tree and not in the stored free list: space that is lost until a defragmentation.",
        why: "A crash with an old bbolt, or an edited free list.",
        next: "Harmless; a defragmentation gets the space back.";
    FREELIST = "BOLT-017", Warning, "the free list is not well formed",
        what: "The stored free list is unsorted, names a page twice or one out of range, or cannot be read.",
        why: "Corruption, or a tool that wrote to the file.",
        next: "bbolt surgery freelist abandon on a copy makes bbolt rebuild it.";
    INLINE = "BOLT-018", Error, "an inline bucket is damaged",
        what: "Elements of a bucket that lies inside its parent's page are out of order or out of bounds. bbolt check never looks there.",
        why: "Bit rot in the root page.",
        next: "etcd-inspect meta {path} shows what can still be read of it.";
    FOREIGN_BUCKET = "BOLT-019", Warning, "the db holds what etcd never writes",
        what: "A bucket with a name etcd does not use, a nested bucket (etcd then panics: the value is taken for a bucket's header), a value beside the buckets, or a sequence other than 0.",
        why: "Another program's db, a flipped bit in a bucket name (then a bucket is missing too), or an edited file.",
        next: "etcd-inspect page -d {path} lists what is there.";
    TORN_COPY = "BOLT-020", Error, "the copy was taken while etcd was writing",
        what: "Pages are newer than the meta that leads to them: the copy mixes two states.",
        why: "cp or rsync of a running member.",
        next: "Copy again with etcd stopped, or use `etcdctl snapshot save`.";
    MOSTLY_FREE = "BOLT-021", Note, "most of the file is free",
        what: "More than half of the pages are free; only a defragmentation makes the file smaller.",
        why: "Many keys were deleted or compacted since the last defragmentation.",
        next: "etcdutl defrag on the restored member, when there is time.";
    LONG_TAIL = "BOLT-022", Note, "the file is much longer than its content",
        what: "More than 16 MiB and the usual growth lie behind the high-water mark, or the tail is not zero.",
        why: "A quota set at start, or pages written by a commit that never finished.",
        next: "Nothing to do.";
    OVERFLOW = "BOLT-023", Error, "an overflow run reaches beyond the file or the high-water mark",
        what: "A page claims more following pages than there are.",
        why: "Bit rot in the page's overflow count, or a truncated file.",
        next: "Its elements were read as far as they lie in the file; compare with another member.";
    TREE_DEPTH = "BOLT-024", Error, "the tree is deeper than any real one",
        what: "The way down passes more branch pages than a full tree of the whole file would need.",
        why: "A file made to exhaust its reader, or pointers into other trees.",
        next: "What lies deeper is not seen.";
    PAGE_PADDING = "BOLT-025", Warning, "a page has bytes behind its last value",
        what: "bbolt leaves the rest of a page zero; this one has something there, so its count or a value's length may have been larger.",
        why: "A lowered element count (the last elements vanish silently), a shortened value, or another program's write.",
        next: "Compare the keys of this page with another member: etcd-inspect page N -d {path}";
    ELEMENT_FLAGS = "BOLT-026", Warning, "an element has flags that bbolt never writes",
        what: "bbolt sets only the lowest bit, for buckets, and looks at no other: what is stored is read as before.",
        why: "A flipped bit. Where one bit flipped others may have.",
        next: "Compare with the other members, or with a backup: etcd-inspect compare {path} OTHERS";
}
