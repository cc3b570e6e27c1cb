//! Compressed streams: gzip, zstd, xz, bzip2, LZ4. Several members or frames one after the other are one content.

use std::io::{self, BufRead, BufReader, Read};
use std::marker::PhantomData;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use lzma_rust2::XzReader;

use super::zstd;
use crate::evidence::layer::Compression;
use crate::evidence::magic::Magic;

/// Returns the content of a stream that is compressed as `magic` says, which may use `memory` bytes; the stream itself if it is
/// not compressed.
pub(super) fn content<'s>(
    magic: Magic,
    stream: Box<dyn Read + 's>,
    memory: u64,
) -> Box<dyn Read + 's> {
    let source = BufReader::new(stream);
    match magic {
        Magic::Gzip => Box::new(CompressedMembers::<_, GzDecoder<_>>::new(source)),
        Magic::Zstd => Box::new(zstd::Frames::new(source, memory)),
        Magic::Xz => {
            let kib = u32::try_from(memory >> 10).unwrap_or(u32::MAX);
            Box::new(XzReader::new_mem_limit(source, true, kib))
        }
        Magic::Bzip2 => Box::new(CompressedMembers::<_, BzDecoder<_>>::new(source)),
        Magic::Lz4 => Box::new(Lz4Frames(FrameDecoder::new(source))),
        _ => Box::new(source),
    }
}

/// The compression that first bytes show.
pub(super) fn codec(magic: Magic) -> Option<Compression> {
    match magic {
        Magic::Gzip => Some(Compression::Gzip),
        Magic::Zstd => Some(Compression::Zstd),
        Magic::Xz => Some(Compression::Xz),
        Magic::Bzip2 => Some(Compression::Bzip2),
        Magic::Lz4 => Some(Compression::Lz4),
        _ => None,
    }
}

/// The name of a compressed file without the ending of its compression.
pub(super) fn without_ending(magic: Magic, label: &[u8]) -> &[u8] {
    let endings: &[&[u8]] = match magic {
        Magic::Gzip => &[b".gz", b".tgz"],
        Magic::Zstd => &[b".zst", b".tzst", b".zstd"],
        Magic::Xz => &[b".xz", b".txz"],
        Magic::Bzip2 => &[b".bz2", b".tbz2", b".tbz"],
        Magic::Lz4 => &[b".lz4", b".tlz4"],
        _ => &[],
    };
    endings
        .iter()
        .find_map(|ending| label.strip_suffix(*ending))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(label)
}

/// The decoder of one member of a file that may have several.
trait CompressedMember<R>: Read {
    fn begin(source: R) -> Self;
    fn source(self) -> R;
}

impl<R: BufRead> CompressedMember<R> for GzDecoder<R> {
    fn begin(source: R) -> Self {
        Self::new(source)
    }

    fn source(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> CompressedMember<R> for BzDecoder<R> {
    fn begin(source: R) -> Self {
        Self::new(source)
    }

    fn source(self) -> R {
        self.into_inner()
    }
}

/// The content of all members of a gzip or bzip2 file. Zeros after the last one are padding, as of a tape or a block device:
/// gzip(1) ignores them too.
struct CompressedMembers<R, M> {
    /// `None` after the last member.
    member: Option<M>,
    source: PhantomData<R>,
}

impl<R: BufRead, M: CompressedMember<R>> CompressedMembers<R, M> {
    fn new(source: R) -> Self {
        Self {
            member: Some(M::begin(source)),
            source: PhantomData,
        }
    }
}

impl<R: BufRead, M: CompressedMember<R>> Read for CompressedMembers<R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let got = member.read(buffer)?;
            if got > 0 || buffer.is_empty() {
                return Ok(got);
            }
            let source = self.member.take().map(M::source);
            if let Some(mut source) = source
                && skip_zeros(&mut source)?
            {
                self.member = Some(M::begin(source));
            }
        }
        Ok(0)
    }
}

/// Skips zeros; returns whether anything follows.
pub(super) fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = source.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (none, all) = (bytes.is_empty(), bytes.len());
        source.consume(zeros);
        if none || zeros < all {
            return Ok(!none);
        }
    }
}

/// The content of all LZ4 frames of a stream.
struct Lz4Frames<R: BufRead>(FrameDecoder<R>);

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let got = self.0.read(buffer)?;
            if got > 0 || buffer.is_empty() || !skip_zeros(self.0.get_mut())? {
                return Ok(got);
            }
        }
    }
}
