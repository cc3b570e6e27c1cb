//! The terminal browser of etcd-inspect. It knows no format: it asks the library.
//!
//! ```text
//! terminal ─ key, mouse, resize ─┐                           ┌─ spawn job, copy, quit ─→ outside
//! jobs ───── parts, ends ────────┼─→ App::update(Event) ─────┤
//! signals, wakes ────────────────┘        │                  └─→ App::draw(&mut Buffer)
//!                                   Session + screens
//! ```
//!
//! The state ([`App`]) works without a terminal: tests give it events and look at what it draws. The loop in `runtime` is the
//! only part that blocks; it waits on one channel, so that nothing runs while nothing happens. Slow work is a job
//! ([`Session::spawn`]); its answers are events.
//!
//! # How to add a screen
//!
//! 1. A file `screens/NAME.rs` with a type that implements [`Screen`]; a line in `screens::all`, in the order of the tabs. It
//!    gets a tab, a digit and a `:` name from that.
//! 2. Its keys: acts it understands arrive in [`Screen::act`]; keys that only it has are rows in `keys/table.rs` with `.on(…)`
//!    (help, footer and `:` follow), new meanings are variants of [`Act`].
//! 3. It keeps its own state and a [`List`](widgets::List) or [`Pager`](widgets::Pager) for the cursor, takes up the session
//!    in [`Screen::refresh`] (index there? ruler moved? focus?), and draws visible rows only, through [`Pen`], which escapes.
//!    A [`Table`](widgets::Table) with [`Column`](widgets::Column)s, and a [`Split`](widgets::Split) for list and detail, do
//!    the layout for all widths.
//! 4. Anything slow: `self.job = Some(session.spawn(self.id(), "counting", move |monitor| …))`; the closure owns
//!    `Arc<Data>` or a `Dataset` (both from the session), may `monitor.send(part)`, and its result comes to
//!    [`Screen::answer`]; a job that is not the one last started is stale. Never call into rayon on the event loop: an index
//!    that is being built would be waited for.
//! 5. Pivots: [`Screen::accept`] shows a [`Target`]; [`Screen::emit`] says what is under the cursor as another kind of target
//!    (`None` leaves it to [`Session::derive`], which knows the focused key and the ruler). `session.go(target)` jumps,
//!    `session.visit()` marks the state before a key as one to come back to, `session.set_focus(key)` tells all screens which
//!    key is meant, `session.move_to(revision)` moves all of them in time.
//! 6. The back stack: [`Screen::snapshot`] and [`Screen::restore`], cheap; usually a clone of the small state.
//! 7. Goldens and journeys in `/tests/tui`.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test may stop at its first failure"
    )
)]

mod act;
mod app;
mod asked;
mod chrome;
mod event;
mod export;
mod job;
pub mod keys;
mod notes;
mod object;
mod options;
mod overlay;
mod paint;
mod plain;
mod ruler;
mod runtime;
mod salvage;
mod screen;
mod screens;
mod session;
mod target;
mod theme;
pub mod widgets;

pub use act::{Act, Copied, Exported};
pub use app::App;
pub use asked::AskedObjects;
pub use event::{Effect, Event, Wake};
pub use job::{Job, JobId, Monitor, Owner, Report};
pub use options::Options;
pub use paint::{Line, Pen, cells};
pub use ruler::Ruler;
pub use runtime::{End, Ended, run};
pub use screen::{Screen, ScreenId, Snapshot};
pub use session::{Counts, Data, Part, Replayed, ResourceCount, Session, Slot};
pub use target::{Listing, Target, Want};
pub use theme::{Role, Theme};
