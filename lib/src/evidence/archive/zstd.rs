//! Zstandard: several frames one after the other, skippable ones between them (pzstd writes such), checksums compared.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{DEFAULT_MAX_WINDOW_SIZE, FrameDecoder};

/// The content of all frames of a stream.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    /// Reads frames whose window has at most `window` bytes. `zstd --long=31` makes windows of 2 GiB.
    pub(super) fn new(source: R, window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window.max(DEFAULT_MAX_WINDOW_SIZE));
        Self {
            source,
            decoder,
            inside: false,
        }
    }

    /// Enters the next frame; `false` at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            // Padding, as of a tape.
            if !super::compressed::skip_zeros(&mut self.source)? {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Decodes until there is output or the frame ends.
    fn fill(&mut self) -> io::Result<()> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            self.decoder
                .decode_blocks(&mut self.source, UptoBlocks(1))
                .map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside {
                self.inside = self.next_frame()?;
                if !self.inside {
                    return Ok(0);
                }
            }
            self.fill()?;
            let got = self.decoder.read(buffer)?;
            if got > 0 {
                return Ok(got);
            }
            self.inside = false;
            let (stored, computed) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            if stored.is_some() && computed.is_some() && stored != computed {
                return Err(io::Error::other("the zstd frame's checksum does not match"));
            }
        }
    }
}
