//! etcdctl 3.4 sends `http://127.0.0.1:2379` as the authority of requests for maintenance if its endpoint is written so. etcd's gRPC
//! server takes it; `h2` ends the stream with a protocol error (`grpc-go` before 1.41: the target of the dialer becomes the authority).
//!
//! [`Mended`] takes the scheme away from what a client sends. The rest of the connection passes unchanged.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client of HTTP/2 sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of the head of a frame: length, type, flags, stream.
const FRAME_HEAD: usize = 9;

/// The type of frames with headers.
const HEADERS: u8 = 1;

/// Longest frame that is looked at: the limit that a client has to keep without other settings.
const MAX_FRAME: usize = 16 << 10;

/// A header that is not in a table yet, whose name is the first of the static table: `:authority`.
const AUTHORITY: u8 = 0x41;

/// A connection whose requests name their authority without a scheme.
#[derive(Debug)]
pub struct Mended<S> {
    inner: S,
    state: State,
    /// Read, and not yet looked at.
    raw: Vec<u8>,
    /// What the server reads next, from `given` on.
    ready: Vec<u8>,
    given: usize,
}

#[derive(Debug)]
enum State {
    Start,
    /// At the head of a frame.
    Frame,
    /// Within a frame that passes unchanged: bytes that are left of it.
    Payload(usize),
    /// Not HTTP/2: everything passes.
    Other,
}

impl<S> Mended<S> {
    /// Over a new connection.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            state: State::Start,
            raw: Vec::new(),
            ready: Vec::new(),
            given: 0,
        }
    }

    /// Moves what is complete from `raw` to `ready`.
    fn look(&mut self) {
        loop {
            let len = match self.state {
                State::Start if self.raw.starts_with(PREFACE) => {
                    self.state = State::Frame;
                    PREFACE.len()
                }
                State::Start if PREFACE.starts_with(&self.raw) => return,
                State::Start => {
                    self.state = State::Other;
                    0
                }
                State::Other => self.raw.len(),
                State::Payload(left) => {
                    let len = left.min(self.raw.len());
                    self.state = match left.saturating_sub(len) {
                        0 => State::Frame,
                        left => State::Payload(left),
                    };
                    len
                }
                State::Frame => match self.frame() {
                    Some(len) => len,
                    None => return,
                },
            };
            self.ready.extend(self.raw.drain(..len));
            if self.raw.is_empty() {
                return;
            }
        }
    }

    /// Looks at a frame; how many bytes pass. `None`: more are needed.
    fn frame(&mut self) -> Option<usize> {
        let &[a, b, c, kind, ..] = self.raw.get(..FRAME_HEAD)? else {
            return None;
        };
        let len = usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?;
        if kind != HEADERS || len > MAX_FRAME {
            self.state = State::Payload(len);
            if len == 0 {
                self.state = State::Frame;
            }
            return Some(FRAME_HEAD);
        }
        let end = FRAME_HEAD.saturating_add(len);
        let payload = self.raw.get(FRAME_HEAD..end)?;
        let Some(mended) = without_scheme(payload) else {
            return Some(end);
        };
        let head = self.raw.get(3..FRAME_HEAD)?.to_vec();
        let length = u32::try_from(mended.len()).ok()?.to_be_bytes();
        self.ready.extend_from_slice(length.get(1..)?);
        self.ready.extend(head);
        self.ready.extend(mended);
        self.raw.drain(..end);
        Some(0)
    }
}

/// A block of headers whose authority has no scheme any more; `None`: it has none.
fn without_scheme(block: &[u8]) -> Option<Vec<u8>> {
    (0..block.len()).find_map(|at| {
        let (before, rest) = block.split_at_checked(at)?;
        let (&kind, rest) = rest.split_first()?;
        let (&prefix, rest) = rest.split_first()?;
        let len = usize::from(prefix & 0x7f);
        if kind != AUTHORITY || len == 0x7f {
            return None;
        }
        let (value, after) = rest.split_at_checked(len)?;
        let text = match prefix & 0x80 {
            0 => String::from_utf8(value.to_vec()).ok()?,
            _ => unpacked(value)?,
        };
        let authority = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"))?;
        let authority = authority.trim_end_matches('/');
        let short = u8::try_from(authority.len())
            .ok()
            .filter(|len| *len < 0x7f)?;
        let mut mended = before.to_vec();
        mended.extend([AUTHORITY, short]);
        mended.extend(authority.as_bytes());
        mended.extend(after);
        Some(mended)
    })
}

/// Characters of URLs with their codes and lengths in bits: RFC 7541, appendix B.
const CODES: [(char, u8, u8); 46] = [
    ('0', 0x00, 5),
    ('1', 0x01, 5),
    ('2', 0x02, 5),
    ('a', 0x03, 5),
    ('c', 0x04, 5),
    ('e', 0x05, 5),
    ('i', 0x06, 5),
    ('o', 0x07, 5),
    ('s', 0x08, 5),
    ('t', 0x09, 5),
    ('%', 0x15, 6),
    ('-', 0x16, 6),
    ('.', 0x17, 6),
    ('/', 0x18, 6),
    ('3', 0x19, 6),
    ('4', 0x1a, 6),
    ('5', 0x1b, 6),
    ('6', 0x1c, 6),
    ('7', 0x1d, 6),
    ('8', 0x1e, 6),
    ('9', 0x1f, 6),
    ('A', 0x21, 6),
    ('_', 0x22, 6),
    ('b', 0x23, 6),
    ('d', 0x24, 6),
    ('f', 0x25, 6),
    ('g', 0x26, 6),
    ('h', 0x27, 6),
    ('l', 0x28, 6),
    ('m', 0x29, 6),
    ('n', 0x2a, 6),
    ('p', 0x2b, 6),
    ('r', 0x2c, 6),
    ('u', 0x2d, 6),
    (':', 0x5c, 7),
    ('B', 0x5d, 7),
    ('C', 0x5e, 7),
    ('D', 0x5f, 7),
    ('j', 0x74, 7),
    ('k', 0x75, 7),
    ('q', 0x76, 7),
    ('v', 0x77, 7),
    ('w', 0x78, 7),
    ('x', 0x79, 7),
    ('y', 0x7a, 7),
    ('z', 0x7b, 7),
];

/// A string of these characters in the code of HTTP/2; `None`: it has others.
fn unpacked(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let (mut code, mut len) = (0u8, 0u8);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = (code << 1) | ((byte >> bit) & 1);
            len = len.saturating_add(1);
            let found = CODES.iter().find(|known| (known.1, known.2) == (code, len));
            if let Some((character, _, _)) = found {
                text.push(*character);
                (code, len) = (0, 0);
            } else if len > 7 {
                return None;
            }
        }
    }
    // What is left is filled up with ones.
    (u32::from(code).saturating_add(1) == 1u32.checked_shl(u32::from(len))?).then_some(text)
}

impl<S: AsyncRead + Unpin> AsyncRead for Mended<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let left = this.ready.get(this.given..).unwrap_or_default();
            if !left.is_empty() {
                let len = left.len().min(buf.remaining());
                buf.put_slice(left.get(..len).unwrap_or_default());
                this.given = this.given.saturating_add(len);
                if this.given >= this.ready.len() {
                    this.ready.clear();
                    this.given = 0;
                }
                return Poll::Ready(Ok(()));
            }
            if matches!(this.state, State::Other) {
                return Pin::new(&mut this.inner).poll_read(context, buf);
            }
            let mut space = [0u8; 8 << 10];
            let mut read = ReadBuf::new(&mut space);
            match Pin::new(&mut this.inner).poll_read(context, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    // The end: what is incomplete is for the server to judge.
                    if this.raw.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    this.ready.append(&mut this.raw);
                }
                Poll::Ready(Ok(())) => {
                    this.raw.extend_from_slice(read.filled());
                    this.look();
                }
                other => return other,
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Mended<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_taken_from_the_authority_in_both_forms() {
        let plain = b"\x83\x41\x0fhttp://[::1]:23\x86";
        assert_eq!(without_scheme(plain).unwrap(), b"\x83\x41\x08[::1]:23\x86");
        // As Go's encoder writes http://127.0.0.1:40539.
        let packed = packed("http://127.0.0.1:40539");
        let mut block = vec![0x83, 0x41, 0x80 | u8::try_from(packed.len()).unwrap()];
        block.extend(packed);
        block.push(0x86);
        assert_eq!(
            without_scheme(&block).unwrap(),
            b"\x83\x41\x0f127.0.0.1:40539\x86"
        );
        assert_eq!(without_scheme(b"\x83\x41\x0b127.0.0.1:1\x86"), None);
        assert_eq!(without_scheme(b"\x41"), None);
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut bits: Vec<u8> = Vec::new();
        for character in text.chars() {
            let (_, code, len) = CODES.iter().find(|known| known.0 == character).unwrap();
            bits.extend((0..*len).rev().map(|bit| (code >> bit) & 1));
        }
        while !bits.len().is_multiple_of(8) {
            bits.push(1);
        }
        let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| (byte << 1) | bit);
        bits.chunks(8).map(byte).collect()
    }

    #[tokio::test]
    async fn other_bytes_pass_unchanged_however_they_are_cut() {
        use tokio::io::AsyncReadExt;
        let mut frames = PREFACE.to_vec();
        frames.extend(b"\0\0\0\x04\0\0\0\0\0");
        frames.extend(b"\0\0\x06\x01\x04\0\0\0\x01\x41\x04abcd");
        frames.extend(b"\0\0\x05\0\x01\0\0\0\x01hello");
        for (sent, size) in [
            (frames.clone(), 1),
            (frames, 1000),
            (b"PRIVATE /x HTTP/1.1\r\n".to_vec(), 3),
            (b"PR".to_vec(), 1),
        ] {
            let (mut client, server) = tokio::io::duplex(size);
            let bytes = sent.clone();
            let writer = tokio::spawn(async move {
                tokio::io::AsyncWriteExt::write_all(&mut client, &bytes)
                    .await
                    .unwrap();
            });
            let mut read = Vec::new();
            Mended::new(server).read_to_end(&mut read).await.unwrap();
            writer.await.unwrap();
            assert_eq!(read, sent);
        }
    }
}
