//! The checksums that gzip and ZIP files have in themselves: stored and computed, also if they differ.
//!
//! Readers of both formats refuse a member whose checksum differs, without saying what it is. A manifest states both.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::record::MemberSum;
use located::Limits;

const BUFFER_BYTES: usize = 256 << 10;

/// RFC 1952, 2.3.1: the flags of a member's header.
const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
/// Maximum length of a name or comment that is read.
const MAX_NAME_BYTES: u64 = 64 << 10;

/// The members of a gzip stream. Stops at bytes that begin no member; the reader need not be at its end then.
pub(super) fn of_gzip(stream: &mut dyn Read, limits: &Limits) -> Vec<MemberSum> {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    let mut members = Vec::new();
    let mut left = limits.unpacked_bytes;
    loop {
        let begins = stream
            .fill_buf()
            .is_ok_and(|bytes| bytes.starts_with(&[0x1f, 0x8b]));
        if !begins || members.len() >= limits.files {
            return members;
        }
        let mut member = MemberSum {
            name: None,
            format: "gzip".to_owned(),
            size_bytes: 0,
            crc32_stored: None,
            crc32_computed: None,
            error: None,
        };
        let read = gzip_member(&mut stream, &mut member, &mut left);
        member.error = read.err().map(|error| error.to_string());
        let is_last = member.error.is_some();
        members.push(member);
        if is_last {
            return members;
        }
    }
}

fn gzip_member<R: BufRead>(
    stream: &mut R,
    member: &mut MemberSum,
    left: &mut u64,
) -> io::Result<()> {
    member.name = gzip_header(stream)?;
    let mut decoder = DeflateDecoder::new(&mut *stream);
    let (crc, error) = sum(&mut decoder, left);
    member.size_bytes = u64::from(crc.amount()).max(decoder.total_out());
    if let Some(error) = error {
        return Err(error);
    }
    member.crc32_computed = Some(crc.sum());
    let mut trailer = [0; 8];
    stream.read_exact(&mut trailer)?;
    let [a, b, c, d, ..] = trailer;
    member.crc32_stored = Some(u32::from_le_bytes([a, b, c, d]));
    Ok(())
}

/// The name of the member, after its header was read.
fn gzip_header<R: BufRead>(stream: &mut R) -> io::Result<Option<String>> {
    let mut head = [0; 10];
    stream.read_exact(&mut head)?;
    let [_, _, method, flags, ..] = head;
    if method != 8 {
        return Err(io::Error::other(format!(
            "compression method {method} is not deflate"
        )));
    }
    if flags & FLAG_EXTRA != 0 {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let length = u64::from(u16::from_le_bytes(length));
        io::copy(&mut stream.by_ref().take(length), &mut io::sink())?;
    }
    let mut text = |wanted: u8| -> io::Result<Option<String>> {
        if flags & wanted == 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        stream
            .by_ref()
            .take(MAX_NAME_BYTES)
            .read_until(0, &mut bytes)?;
        bytes.pop();
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    };
    let name = text(FLAG_NAME)?;
    text(FLAG_COMMENT)?;
    if flags & FLAG_HEADER_CRC != 0 {
        stream.read_exact(&mut [0; 2])?;
    }
    Ok(name)
}

/// The members of a ZIP file, by its central directory.
pub(super) fn of_zip(file: &File, limits: &Limits) -> Vec<MemberSum> {
    let mut left = limits.unpacked_bytes;
    let mut archive = match ZipArchive::new(BufReader::with_capacity(BUFFER_BYTES, file)) {
        Ok(archive) => archive,
        Err(error) => {
            return vec![MemberSum {
                name: None,
                format: "zip".to_owned(),
                size_bytes: 0,
                crc32_stored: None,
                crc32_computed: None,
                error: Some(format!("the central directory is not readable: {error}")),
            }];
        }
    };
    let mut members = Vec::new();
    for index in 0..archive.len().min(limits.files) {
        let name = archive.name_for_index(index).and_then(Result::ok);
        let name = name.map(|name| name.into_owned());
        members.push(match archive.by_index(index) {
            Ok(mut entry) => zip_entry(&mut entry, name, &mut left),
            Err(error) => MemberSum {
                name,
                format: "zip".to_owned(),
                size_bytes: 0,
                crc32_stored: None,
                crc32_computed: None,
                error: Some(error.to_string()),
            },
        });
    }
    members
}

fn zip_entry<R: Read>(
    entry: &mut ZipFile<'_, R>,
    name: Option<String>,
    left: &mut u64,
) -> MemberSum {
    let stored = entry.crc32();
    let size_bytes = entry.size();
    let (crc, error) = sum(entry, left);
    // The reader refuses a member whose checksum differs, after all its bytes.
    let is_whole = u64::from(crc.amount()) == size_bytes & u64::from(u32::MAX);
    MemberSum {
        name,
        format: "zip".to_owned(),
        size_bytes,
        crc32_stored: Some(stored),
        crc32_computed: is_whole.then(|| crc.sum()),
        error: error.filter(|_| !is_whole).map(|error| error.to_string()),
    }
}

/// The checksum of everything that a reader returns, and why it stopped before its end.
fn sum(reader: &mut dyn Read, left: &mut u64) -> (Crc, Option<io::Error>) {
    let mut crc = Crc::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (crc, None),
            Ok(got) => {
                crc.update(buffer.get(..got).unwrap_or_default());
                *left = left.saturating_sub(got as u64);
                if *left == 0 {
                    let limit =
                        io::Error::other("it unpacks to more than the limit (--max-unpacked)");
                    return (crc, Some(limit));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (crc, Some(error)),
        }
    }
}
