//! Bodies of answers: whole, or in pieces that are made while the client reads.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// The body of an answer. An error cuts it off: the client sees that it is incomplete.
pub type Body = UnsyncBoxBody<Bytes, tonic::Status>;

/// Pieces that wait for the client.
const PIECES: usize = 4;

/// Time that a client may take to read one piece.
const PIECE_TIME: Duration = Duration::from_secs(60);

/// Bytes that are collected before they are sent.
const PIECE_BYTES: usize = 64 << 10;

/// A body that is in memory already.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    let full = Full::new(bytes.into());
    full.map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// A body that is written piece by piece, from a thread that may wait.
pub fn pieces() -> (Writer, Body) {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, tonic::Status>>(PIECES);
    let frames = ReceiverStream::new(receiver).map(|piece| piece.map(Frame::data));
    let writer = Writer {
        sender,
        piece: Vec::new(),
    };
    (writer, StreamBody::new(frames).boxed_unsync())
}

/// Writes a body.
#[derive(Debug)]
pub struct Writer {
    sender: mpsc::Sender<Result<Bytes, tonic::Status>>,
    piece: Vec<u8>,
}

/// The client is gone, or reads too slowly.
#[derive(Debug)]
pub struct Gone;

impl Writer {
    /// Appends; sends if enough is collected. To be called from a thread that may wait.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE_BYTES {
            return Ok(());
        }
        self.send()
    }

    /// Sends what is collected. To be called from a thread that may wait.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn send(&mut self) -> Result<(), Gone> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.sender.send(Ok(piece));
        tokio::runtime::Handle::current().block_on(within(sent))
    }

    /// Appends and sends.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.piece.extend_from_slice(bytes);
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        within(self.sender.send(Ok(piece))).await
    }

    /// Returns when the client is gone.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Cuts the body off, so that the client knows that it is incomplete.
    pub fn abort(self) {
        let _ = self.sender.try_send(Err(tonic::Status::aborted("cut off")));
    }
}

async fn within<T, E>(sent: impl Future<Output = Result<T, E>>) -> Result<(), Gone> {
    match tokio::time::timeout(PIECE_TIME, sent).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Gone),
    }
}
