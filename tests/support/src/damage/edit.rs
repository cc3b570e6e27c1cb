//! Changes to a file at an offset, made in place: the rest of a sparse file stays sparse.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

fn open(path: &Path) -> File {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Flips one bit.
pub fn flip_bit(path: &Path, at: usize, bit: u8) {
    let mut file = open(path);
    let mut byte = [0];
    file.seek(SeekFrom::Start(at as u64)).expect("seek");
    file.read_exact(&mut byte)
        .expect("an offset inside the file");
    byte[0] ^= 1 << (bit & 7);
    file.seek(SeekFrom::Start(at as u64)).expect("seek");
    file.write_all(&byte).expect("write");
}

/// Writes bytes over what is there.
pub fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let mut file = open(path);
    file.seek(SeekFrom::Start(at as u64)).expect("seek");
    file.write_all(bytes).expect("write");
}

/// Writes zeros over a range, or a hole's content, which reads the same.
pub fn zero(path: &Path, range: Range<usize>) {
    overwrite(path, range.start, &vec![0; range.len()]);
}

/// Cuts the file (or extends it with zeros).
pub fn truncate(path: &Path, length: usize) {
    open(path).set_len(length as u64).expect("set_len");
}

/// Adds bytes at the end.
pub fn append(path: &Path, bytes: &[u8]) {
    let mut file = open(path);
    file.seek(SeekFrom::End(0)).expect("seek");
    file.write_all(bytes).expect("write");
}

/// Bytes that look random and are the same in every run.
#[must_use]
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
