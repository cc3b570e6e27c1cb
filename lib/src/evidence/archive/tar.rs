//! tar: old, ustar, GNU and pax headers, long names, sparse files of GNU tar and bsdtar.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use tar::{EntryType, Header};

use super::links::{Link, LinkKind};
use super::sparse::{self, Sparse};
use super::{FileFacts, Unpacking};
use crate::evidence::magic::tar_checksum;

pub(super) const BLOCK: usize = 512;
/// Maximum length of an extension header, in bytes; a name has at most 4096.
const EXTENSION: u64 = 1 << 20;

/// What extension headers say about the entry that follows them.
#[derive(Default)]
pub(super) struct Extension {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    /// Full length of a sparse file.
    pub(super) real_size: Option<u64>,
    /// Its pieces, in the form 0.1: `offset,length,…`.
    pub(super) map: Option<Vec<u8>>,
    /// Its pieces, in the form 0.0: offset and length of each, as records of their own.
    pub(super) pieces: Vec<u64>,
    /// 1: the pieces are before the data.
    pub(super) major: Option<u64>,
    /// What a link names, if the header has no room for it.
    link: Option<Vec<u8>>,
}

/// Reads every entry of a tar stream.
pub(super) fn read(stream: &mut dyn Read, into: &mut Unpacking<'_>) -> io::Result<()> {
    let mut offset = 0u64;
    let mut extension = Extension::default();
    let mut lost = None;
    loop {
        let mut block = [0; BLOCK];
        let got = fill(stream, &mut block)?;
        if got < BLOCK {
            into.damaged(unfinished(lost, got, offset));
            return Ok(());
        }
        let here = offset;
        offset = offset.saturating_add(BLOCK as u64);
        if block == [0; BLOCK] && lost.is_none() {
            // The end mark. What follows is padding: read on a little, so that a sum after it is compared.
            io::copy(&mut stream.take(1 << 24), &mut io::sink())?;
            return Ok(());
        }
        let header = Header::from_byte_slice(&block);
        let Some(size) = believable(header) else {
            lost.get_or_insert(here);
            continue;
        };
        if let Some(from) = lost.take() {
            into.damaged(format!(
                "bytes {from} to {here} of the tar are no header; what they held is skipped"
            ));
        }
        if is_extension(header.entry_type()) {
            if let Some(text) = extension_text(stream, size, here, into)? {
                extension.take(header.entry_type(), &text);
            }
            offset = next_block(stream, offset, size)?;
            continue;
        }
        let extension = std::mem::take(&mut extension);
        let size = extension.size.unwrap_or(size);
        let pieces = sparse::of_header(header, stream, &mut offset)?;
        let mut data = stream.take(size);
        entry(header, &extension, pieces, &mut data, into)?;
        io::copy(&mut data, &mut io::sink())?;
        let missing = data.limit();
        if missing > 0 {
            into.damaged(format!(
                "the tar ends inside the entry at byte {here}: {missing} of its {size} bytes are missing"
            ));
            return Ok(());
        }
        offset = next_block(stream, offset, size)?;
    }
}

/// What is wrong with the end of a tar whose last block has `got` bytes; `lost`: since where there is no header.
fn unfinished(lost: Option<u64>, got: usize, offset: u64) -> String {
    match (lost, got) {
        (Some(from), _) => {
            format!("the tar holds no header from byte {from} to its end at {offset}")
        }
        (None, 0) => format!("the tar ends at byte {offset} without its end mark"),
        (None, _) => format!("the tar ends inside a header at byte {offset}, after {got} bytes"),
    }
}

/// The text of an extension header; `None` if it is too long to be one.
fn extension_text(
    stream: &mut dyn Read,
    size: u64,
    here: u64,
    into: &mut Unpacking<'_>,
) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    stream.take(size.min(EXTENSION)).read_to_end(&mut text)?;
    if size <= EXTENSION {
        return Ok(Some(text));
    }
    into.damaged(format!(
        "the extension header at byte {here} claims {size} bytes; it is skipped"
    ));
    io::copy(
        &mut stream.take(size.saturating_sub(EXTENSION)),
        &mut io::sink(),
    )?;
    Ok(None)
}

fn entry(
    header: &Header,
    extension: &Extension,
    pieces: Option<sparse::Map>,
    data: &mut dyn Read,
    into: &mut Unpacking<'_>,
) -> io::Result<()> {
    let name = match &extension.path {
        Some(path) => path.clone(),
        None => header.path_bytes().into_owned(),
    };
    if let Some(why) = unwanted(header) {
        into.refused(&name, why);
        return Ok(());
    }
    let Some(path) = into.path_of(&name) else {
        return Ok(());
    };
    let mut meta = facts(header);
    if let Some(kind) = link_kind(header, extension) {
        into.link(path, Link::new(kind, target(header, extension), meta));
        return Ok(());
    }
    // Old tars have no type for folders, only a slash at the end of the name.
    if header.entry_type() == EntryType::Directory || name.ends_with(b"/") {
        into.folder(&path, meta);
        return Ok(());
    }
    let map = match pieces {
        Some(map) => Some(map),
        None => sparse::of_extension(extension, data)?,
    };
    match map {
        None => {
            meta.size = extension.size.or(header.entry_size().ok()).unwrap_or(0);
            into.file(&path, meta, data)
        }
        Some(Ok(map)) => {
            meta.size = map.real_size;
            // Holes cost no memory, but the time to make them.
            into.budget.take(map.real_size)?;
            into.file(&path, meta, &mut Sparse::new(map, data))
        }
        Some(Err(why)) => {
            into.refused(&name, why);
            Ok(())
        }
    }
}

/// What the header says beside the size.
fn facts(header: &Header) -> FileFacts {
    let seconds = header.mtime().ok().map(Duration::from_secs);
    FileFacts {
        size: 0,
        modified: seconds.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
        mode: header.mode().ok().map(|mode| mode & 0o7777),
        id: None,
    }
}

/// What a link names.
fn target(header: &Header, extension: &Extension) -> Vec<u8> {
    match &extension.link {
        Some(link) => link.clone(),
        None => header
            .link_name_bytes()
            .map_or_else(Vec::new, std::borrow::Cow::into_owned),
    }
}

/// Returns which link an entry is. A hard link with data, as pax(1) writes them, is a file like any other.
fn link_kind(header: &Header, extension: &Extension) -> Option<LinkKind> {
    let size = extension.size.or(header.entry_size().ok()).unwrap_or(0);
    match header.entry_type() {
        EntryType::Link => (size == 0).then_some(LinkKind::Hard),
        EntryType::Symlink => Some(LinkKind::Symbolic),
        _ => None,
    }
}

/// Why an entry is not taken, by its type.
fn unwanted(header: &Header) -> Option<&'static str> {
    match header.entry_type() {
        EntryType::Regular
        | EntryType::Continuous
        | EntryType::GNUSparse
        | EntryType::Directory
        | EntryType::Link
        | EntryType::Symlink => None,
        _ => Some("it is a device, a FIFO or of an unknown type"),
    }
}

impl Extension {
    fn take(&mut self, kind: EntryType, text: &[u8]) {
        if kind.is_gnu_longname() {
            let end = text
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(text.len());
            self.path = text.get(..end).map(<[u8]>::to_vec);
        } else if kind.is_gnu_longlink() {
            let link = text.split(|byte| *byte == 0).next();
            self.link = link.map(<[u8]>::to_vec);
        } else if kind.is_pax_local_extensions() {
            let mut rest = text;
            while let Some((key, value, after)) = pax_record(rest) {
                self.record(key, value);
                rest = after;
            }
        }
    }

    fn record(&mut self, key: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok()?.parse().ok();
        match key {
            // The sparse forms write an invented name into the header and the true one here; it may come first.
            b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"path" if self.major.is_none() && self.map.is_none() => {
                self.path = Some(value.to_vec())
            }
            b"linkpath" => self.link = Some(value.to_vec()),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.pieces.extend(number()),
            b"size" => self.size = number(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.real_size = number(),
            b"GNU.sparse.map" => self.map = Some(value.to_vec()),
            b"GNU.sparse.major" => self.major = number(),
            _ => {}
        }
    }
}

/// `<length> <key>=<value>\n`, the length counting everything. Values may hold newlines.
fn pax_record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(text.get(..space)?).ok()?.parse().ok()?;
    let (record, after) = text.split_at_checked(len)?;
    let record = record.get(space.checked_add(1)?..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((
        record.get(..equals)?,
        record.get(equals.checked_add(1)?..)?,
        after,
    ))
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

/// The size of a header's data, if its checksum matches.
fn believable(header: &Header) -> Option<u64> {
    let sum = tar_checksum(header.as_bytes());
    let first = header.as_bytes().first()?;
    (*first != 0 && header.cksum().ok()? == sum).then_some(())?;
    header.entry_size().ok()
}

/// Skips the padding after `size` bytes of data; returns the offset after both.
fn next_block(stream: &mut dyn Read, offset: u64, size: u64) -> io::Result<u64> {
    let padding = (BLOCK as u64).wrapping_sub(size % BLOCK as u64) % BLOCK as u64;
    io::copy(&mut stream.take(padding), &mut io::sink())?;
    Ok(offset.saturating_add(size).saturating_add(padding))
}

/// Fills a buffer as far as the stream reaches.
pub(super) fn fill(stream: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(got) => done = done.saturating_add(got),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
