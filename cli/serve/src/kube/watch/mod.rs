//! Watches: the first state, then the history that is retained, then nothing more, because nothing is written.

mod events;
mod json;

use std::time::Duration;

use etcd_inspect::member::Objects;

use super::list::List;
use super::protobuf::WatchFrames;
use crate::net::body::{Gone, Writer};
use crate::net::status::Status;
use events::Events;
pub use events::{Event, Subject};
use json::JsonLines;

/// Interval of bookmarks.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// Time after which a watch ends if the client names none.
const WATCH_SECONDS: u64 = 3600;

/// Longest time of a watch.
const MAX_WATCH_SECONDS: u64 = 24 * 3600;

/// What is left to do when the history is written.
#[derive(Debug)]
pub struct Idle {
    bookmark: Option<Vec<u8>>,
    time: Duration,
}

/// The form in which events are written.
enum Encoder<'e> {
    Json(Box<JsonLines<'e>>),
    Protobuf(WatchFrames<'e>),
}

impl Encoder<'_> {
    /// The bytes of an event; `None` if it has no such form.
    fn event(&self, event: &Event<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Json(lines) => Some(lines.event(event)),
            Self::Protobuf(frames) => frames.event(event),
        }
    }

    fn error(&self, status: &Status) -> Vec<u8> {
        match self {
            Self::Json(lines) => lines.error(status),
            Self::Protobuf(frames) => frames.error(status),
        }
    }
}

impl List<'_> {
    /// Whether every event of the watch has a protobuf form: a client gets one form only.
    pub fn is_watched_as_protobuf(&self, objects: &Objects<'_>) -> bool {
        let frames = WatchFrames::new(self, objects);
        let events = Events::new(self, objects);
        let mut look = |event: Event<'_>| frames.event(&event).map(|_| ()).ok_or(());
        let looked = match self.resumed() {
            Some(version) => events.history(version, &mut look),
            None => events.first_state(&mut look),
        };
        looked.is_ok() && look(events.bookmark(true)).is_ok()
    }

    /// The revision after which the client has seen everything; `None` if it wants the first state.
    fn resumed(&self) -> Option<i64> {
        self.query
            .resource_version
            .filter(|_| !self.query.initial_events)
    }

    /// Writes the events that there are. To be called from a thread that may wait.
    ///
    /// # Errors
    /// The client is gone.
    pub fn watch(&self, objects: &Objects<'_>, out: &mut Writer) -> Result<Option<Idle>, Gone> {
        let encoder = match self.accept.protobuf {
            true => Encoder::Protobuf(WatchFrames::new(self, objects)),
            false => Encoder::Json(Box::new(JsonLines::new(self, objects))),
        };
        let events = Events::new(self, objects);
        let mut write = |event: Event<'_>| match encoder.event(&event) {
            Some(bytes) => out.write(&bytes),
            None => Err(Gone),
        };
        match self.resumed() {
            Some(version) => {
                let compacted = objects.keyspace().compact_revision().unwrap_or(0);
                if version < compacted {
                    let message = format!("too old resource version: {version} ({compacted})");
                    let expired = Status::new(hyper::StatusCode::GONE, "Expired", message);
                    out.write(&encoder.error(&expired))?;
                    out.send()?;
                    return Ok(None);
                }
                events.history(version, &mut write)?;
            }
            None => events.first_state(&mut write)?,
        }
        if self.query.initial_events {
            write(events.bookmark(true))?;
        }
        out.send()?;
        let seconds = self.query.timeout_seconds.unwrap_or(WATCH_SECONDS);
        let bookmark = self.query.bookmarks.then(|| events.bookmark(false));
        Ok(Some(Idle {
            bookmark: bookmark.and_then(|event| encoder.event(&event)),
            time: Duration::from_secs(seconds.min(MAX_WATCH_SECONDS)),
        }))
    }
}

impl Idle {
    /// Waits until the time is over or the client is gone; nothing happens but bookmarks.
    pub async fn wait(self, mut out: Writer) {
        let end = tokio::time::Instant::now() + self.time;
        loop {
            let next = (tokio::time::Instant::now() + BOOKMARK_INTERVAL).min(end);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = out.closed() => return,
            }
            if next == end {
                return;
            }
            if let Some(bookmark) = &self.bookmark
                && out.push(bookmark).await.is_err()
            {
                return;
            }
        }
    }
}
