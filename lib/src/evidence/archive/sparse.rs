//! Sparse files in tars: a preallocated WAL segment is mostly a hole, and `tar -S` and bsdtar know it.

use std::io::{self, Read};

use tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

use super::tar::{BLOCK, Extension, fill};

/// Maximum number of pieces of one file.
const PIECES: usize = 1 << 20;

/// Where the data of a sparse file belongs.
pub(super) struct DataRanges {
    pub(super) real_size: u64,
    /// Offset and length, ascending.
    pieces: Vec<(u64, u64)>,
}

/// The pieces, or why they are refused.
pub(super) type Map = Result<DataRanges, &'static str>;

impl DataRanges {
    fn checked(real_size: u64, pieces: Vec<(u64, u64)>) -> Map {
        let mut end = 0u64;
        for (offset, len) in &pieces {
            if *offset < end {
                return Err("the pieces of this sparse file overlap");
            }
            end = offset
                .checked_add(*len)
                .filter(|end| *end <= real_size)
                .ok_or("a piece of this sparse file is beyond its end")?;
        }
        Ok(Self { real_size, pieces })
    }
}

/// GNU tar's own form: four pieces in the header, more in the blocks after it.
pub(super) fn of_header(
    header: &Header,
    stream: &mut dyn Read,
    offset: &mut u64,
) -> io::Result<Option<Map>> {
    let (EntryType::GNUSparse, Some(gnu)) = (header.entry_type(), header.as_gnu()) else {
        return Ok(None);
    };
    let mut pieces = Vec::new();
    let mut add = |part: &GnuSparseHeader| {
        if !part.is_empty() && pieces.len() < PIECES {
            pieces.push((part.offset()?, part.length()?));
        }
        io::Result::Ok(())
    };
    let mut sound = gnu.sparse.iter().try_for_each(&mut add);
    let mut more = gnu.is_extended();
    while more {
        let mut block = GnuExtSparseHeader::new();
        if fill(stream, block.as_mut_bytes())? < BLOCK {
            break;
        }
        *offset = offset.saturating_add(BLOCK as u64);
        sound = sound.and_then(|()| block.sparse().iter().try_for_each(&mut add));
        more = block.is_extended();
    }
    Ok(Some(match (sound, gnu.real_size()) {
        _ if pieces.len() >= PIECES => Err("this sparse file has too many pieces"),
        (Ok(()), Ok(real_size)) => DataRanges::checked(real_size, pieces),
        _ => Err("the pieces of this sparse file are not readable"),
    }))
}

/// The forms in pax headers: 0.0 has a record for each number, 0.1 lists the pieces there, 1.0 before the data.
pub(super) fn of_extension(extension: &Extension, data: &mut dyn Read) -> io::Result<Option<Map>> {
    let Some(real_size) = extension.real_size else {
        return Ok(None);
    };
    let numbers = match (&extension.map, extension.major) {
        (Some(map), _) => {
            let text = std::str::from_utf8(map).unwrap_or_default();
            text.split(',').map(|number| number.parse().ok()).collect()
        }
        (None, Some(1)) => numbers_before(data)?,
        (None, None) if extension.pieces.len() < 2 * PIECES => Some(extension.pieces.clone()),
        _ => return Ok(Some(Err("sparse files of this form are not read"))),
    };
    let Some(numbers): Option<Vec<u64>> = numbers else {
        return Ok(Some(Err("the pieces of this sparse file are not readable")));
    };
    let pieces = numbers
        .chunks_exact(2)
        .filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
    Ok(Some(DataRanges::checked(real_size, pieces.collect())))
}

/// Decimal numbers, one a line: how many pieces, then offset and length of each; padded to a block.
fn numbers_before(data: &mut dyn Read) -> io::Result<Option<Vec<u64>>> {
    let mut numbers = Vec::new();
    let mut wanted = None;
    let mut number: Option<u64> = None;
    loop {
        let mut block = [0; BLOCK];
        if fill(data, &mut block)? < BLOCK {
            return Ok(None);
        }
        for byte in block {
            match byte {
                b'0'..=b'9' => {
                    let digit = u64::from(byte.wrapping_sub(b'0'));
                    let next = number
                        .unwrap_or(0)
                        .checked_mul(10)
                        .and_then(|n| n.checked_add(digit));
                    if next.is_none() {
                        return Ok(None);
                    }
                    number = next;
                }
                b'\n' => {
                    let Some(value) = number.take() else {
                        return Ok(None);
                    };
                    match wanted {
                        None if value > PIECES as u64 => return Ok(None),
                        None => wanted = Some(value.saturating_mul(2)),
                        Some(_) => numbers.push(value),
                    }
                    if wanted == Some(numbers.len() as u64) {
                        return Ok(Some(numbers));
                    }
                }
                _ => return Ok(None),
            }
        }
    }
}

/// The file as it was: data where the pieces are, zeros between them.
pub(super) struct Sparse<'d> {
    data: &'d mut dyn Read,
    pieces: std::vec::IntoIter<(u64, u64)>,
    piece: Option<(u64, u64)>,
    at: u64,
    end: u64,
}

impl<'d> Sparse<'d> {
    pub(super) fn new(map: DataRanges, data: &'d mut dyn Read) -> Self {
        let mut pieces = map.pieces.into_iter();
        Self {
            data,
            piece: pieces.next(),
            pieces,
            at: 0,
            end: map.real_size,
        }
    }
}

impl Read for Sparse<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((offset, len)) = self.piece
            && self.at >= offset.saturating_add(len)
        {
            self.piece = self.pieces.next();
        }
        let (until, hole) = match self.piece {
            Some((offset, _)) if self.at < offset => (offset, true),
            Some((offset, len)) => (offset.saturating_add(len), false),
            None => (self.end, true),
        };
        let len = usize::try_from(until.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = len.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..len) else {
            return Ok(0);
        };
        let got = if hole {
            buffer.fill(0);
            len
        } else {
            self.data.read(buffer)?
        };
        self.at = self.at.saturating_add(got as u64);
        Ok(got)
    }
}
