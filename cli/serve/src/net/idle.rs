//! Connections for which no answer is made: if there are too many connections, the one that has been idle longest makes room.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::body::Body;

/// The idle connections of a server.
#[derive(Clone, Debug, Default)]
pub struct IdleConnections(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    /// By the order in which they became idle.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// One connection: idle until an answer is made, and again after it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    idle: IdleConnections,
    close: Arc<Notify>,
    state: Mutex<Activity>,
}

#[derive(Debug, Default)]
struct Activity {
    answers: usize,
    /// The place in the queue while it is idle.
    number: Option<u64>,
}

/// An answer that is being made or sent; its end is the end of its connection's work.
#[derive(Debug)]
pub struct Work(Arc<Shared>);

impl IdleConnections {
    /// A connection that was accepted.
    pub fn connection(&self) -> Connection {
        let close = Arc::new(Notify::new());
        let number = self.enter(&close);
        Connection(Arc::new(Shared {
            idle: self.clone(),
            close,
            state: Mutex::new(Activity {
                answers: 0,
                number: Some(number),
            }),
        }))
    }

    /// Closes the connection that has been idle longest.
    pub fn close_oldest(&self) {
        let oldest = locked(&self.0).waiting.pop_first();
        if let Some((_, close)) = oldest {
            close.notify_one();
        }
    }

    fn enter(&self, close: &Arc<Notify>) -> u64 {
        let mut queue = locked(&self.0);
        let number = queue.next;
        queue.next = number.wrapping_add(1);
        queue.waiting.insert(number, Arc::clone(close));
        number
    }

    fn leave(&self, number: Option<u64>) {
        if let Some(number) = number {
            locked(&self.0).waiting.remove(&number);
        }
    }
}

impl Connection {
    /// Returns when the connection is to be closed.
    pub async fn closed(&self) {
        self.0.close.notified().await;
    }

    /// Begins an answer.
    pub fn work(&self) -> Work {
        let mut state = locked(&self.0.state);
        state.answers = state.answers.saturating_add(1);
        self.0.idle.leave(state.number.take());
        Work(Arc::clone(&self.0))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = locked(&self.0.state);
        state.answers = state.answers.saturating_sub(1);
        if state.answers == 0 {
            state.number = Some(self.0.idle.enter(&self.0.close));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let number = locked(&self.state).number.take();
        self.idle.leave(number);
    }
}

impl Work {
    /// Ends when the body is sent.
    pub fn until_sent(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Sent { body, _work: self }.boxed_unsync())
    }
}

/// A body whose end is the end of work.
struct Sent {
    body: Body,
    _work: Work,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A state that is never half changed: a panic of another thread does not matter.
fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::IdleConnections;
    use std::time::Duration;

    async fn is_closed(connection: &super::Connection) -> bool {
        let closed = connection.closed();
        tokio::time::timeout(Duration::from_millis(5), closed)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn the_connection_that_is_idle_longest_makes_room_and_none_with_an_answer() {
        let idle = IdleConnections::default();
        let (busy, first, second) = (idle.connection(), idle.connection(), idle.connection());
        let work = busy.work();
        idle.close_oldest();
        assert!(is_closed(&first).await);
        // IdleConnections again, and later than the second.
        drop(work);
        idle.close_oldest();
        assert!(is_closed(&second).await);
        assert!(!is_closed(&busy).await);
        idle.close_oldest();
        assert!(is_closed(&busy).await);
    }

    #[tokio::test]
    async fn of_several_answers_the_last_makes_a_connection_idle_and_one_that_ended_is_forgotten() {
        let idle = IdleConnections::default();
        let (many, other) = (idle.connection(), idle.connection());
        let (one, two) = (many.work(), many.work());
        drop(one);
        drop(other);
        idle.close_oldest();
        assert!(!is_closed(&many).await);
        drop(two);
        idle.close_oldest();
        assert!(is_closed(&many).await);
    }
}
