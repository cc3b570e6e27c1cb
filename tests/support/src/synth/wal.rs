//! A WAL segment made record by record, from the format reference: frames, records, rolling CRC32C.

use super::mvcc::varint;

/// One segment under construction.
#[derive(Clone, Debug)]
pub struct SegmentBuilder {
    bytes: Vec<u8>,
    crc: u32,
}

impl SegmentBuilder {
    /// The head that etcd writes: the checksum so far, who writes, the HardState.
    #[must_use]
    pub fn new(crc: u32, node: u64, cluster: u64) -> Self {
        let mut segment = Self {
            bytes: Vec::new(),
            crc,
        };
        segment.frame(&[&[0x08, 4, 0x10][..], &number(u64::from(crc))].concat());
        segment.record(
            1,
            &[&[0x08][..], &number(node), &[0x10], &number(cluster)].concat(),
        )
    }

    /// An entry that puts nothing: a leader's first.
    #[must_use]
    pub fn noop(self, term: u64, index: u64) -> Self {
        self.entry(term, index, &[])
    }

    /// An entry with any data.
    #[must_use]
    pub fn entry(self, term: u64, index: u64, data: &[u8]) -> Self {
        let mut message = vec![0x08, 0, 0x10];
        message.extend(number(term));
        message.push(0x18);
        message.extend(number(index));
        if !data.is_empty() {
            message.push(0x22);
            message.extend(number(data.len() as u64));
            message.extend(data);
        }
        self.record(2, &message)
    }

    /// A HardState.
    #[must_use]
    pub fn state(self, term: u64, vote: u64, commit: u64) -> Self {
        let message = [
            &[0x08][..],
            &number(term),
            &[0x10],
            &number(vote),
            &[0x18],
            &number(commit),
        ];
        self.record(3, &message.concat())
    }

    /// A snapshot record.
    #[must_use]
    pub fn snapshot(self, index: u64, term: u64) -> Self {
        self.record(
            5,
            &[&[0x08][..], &number(index), &[0x10], &number(term)].concat(),
        )
    }

    /// Any record with the right checksum.
    #[must_use]
    pub fn record(mut self, kind: u8, data: &[u8]) -> Self {
        self.crc = crc32c::crc32c_append(self.crc, data);
        let mut record = vec![0x08, kind, 0x10];
        record.extend(number(u64::from(self.crc)));
        record.push(0x1a);
        record.extend(number(data.len() as u64));
        record.extend(data);
        self.frame(&record);
        self
    }

    /// The checksum that the next segment begins with.
    #[must_use]
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The file.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        self.bytes
    }

    fn frame(&mut self, record: &[u8]) {
        let pad = (8 - record.len() % 8) % 8;
        let high = if pad == 0 { 0 } else { 0x80 | pad as u64 };
        let word = record.len() as u64 | high << 56;
        self.bytes.extend(word.to_le_bytes());
        self.bytes.extend(record);
        self.bytes.resize(self.bytes.len() + pad, 0);
    }
}

fn number(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, value);
    out
}
