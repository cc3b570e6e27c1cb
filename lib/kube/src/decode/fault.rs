//! Why one value could not be decoded, with the offset inside the value.

use std::fmt;

use located::Error;
use located::Place;

/// The option that raises the limit of memory.
pub const VALUE_MEMORY: &str = "--value-memory";

/// What stopped the decoding of one value. Small, because every read returns a `Result` of it.
#[derive(Debug)]
pub(crate) struct Fault(Box<Cause>);

#[derive(Debug)]
enum Cause {
    Truncated {
        what: &'static str,
        at: usize,
        need: u64,
        have: u64,
    },
    Malformed {
        what: &'static str,
        at: usize,
        seen: String,
    },
    Depth(usize),
    /// Bytes that the decoded value may take.
    Memory(usize),
    /// From serde: a type that the value does not fit, or the writer.
    Other(String),
}

impl Fault {
    #[cold]
    pub(crate) fn truncated(what: &'static str, at: usize, need: u64, have: usize) -> Self {
        Self(Box::new(Cause::Truncated {
            what,
            at,
            need,
            have: have as u64,
        }))
    }

    #[cold]
    pub(crate) fn malformed(what: &'static str, at: usize, seen: impl Into<String>) -> Self {
        Self(Box::new(Cause::Malformed {
            what,
            at,
            seen: seen.into(),
        }))
    }

    #[cold]
    pub(crate) fn depth(limit: usize) -> Self {
        Self(Box::new(Cause::Depth(limit)))
    }

    #[cold]
    pub(crate) fn memory(limit: usize) -> Self {
        Self(Box::new(Cause::Memory(limit)))
    }

    /// Whether the decoded value would take too much memory.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(*self.0, Cause::Memory(_))
    }

    /// Whether a limit of ours stopped the reading: nothing is known to be wrong with the value.
    pub(crate) fn is_limit(&self) -> bool {
        self.is_depth() || self.is_memory()
    }

    /// Whether the value is nested too deeply.
    pub(crate) fn is_depth(&self) -> bool {
        matches!(*self.0, Cause::Depth(_))
    }

    /// The public error; `start` is the place of the value's first byte.
    pub(crate) fn into_error(self, start: &Place) -> Error {
        let place = |at: usize| Place {
            offset: Some(start.offset.unwrap_or(0).saturating_add(at as u64)),
            ..start.clone()
        };
        match *self.0 {
            Cause::Truncated {
                what,
                at,
                need,
                have,
            } => Error::Truncated {
                what,
                place: place(at),
                need,
                have,
            },
            Cause::Malformed { what, at, seen } => Error::Malformed {
                what,
                place: place(at),
                seen,
            },
            Cause::Depth(limit) => Error::Limit {
                file: start.file.clone(),
                what: "the nesting of a value",
                limit: limit as u64,
                option: "--value-depth, up to 500",
            },
            Cause::Memory(limit) => Error::Limit {
                file: start.file.clone(),
                what: "the memory of a decoded value",
                limit: limit as u64,
                option: VALUE_MEMORY,
            },
            Cause::Other(seen) => Error::Malformed {
                what: "object",
                place: place(0),
                seen,
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Truncated {
                what,
                at,
                need,
                have,
            } => write!(
                f,
                "byte {at:#x}: {what} needs {need} bytes, {have} are left"
            ),
            Cause::Malformed { what, at, seen } => write!(f, "byte {at:#x}: {what}: {seen}"),
            Cause::Memory(limit) => write!(f, "decoded it takes more than {limit} bytes"),
            Cause::Depth(limit) => write!(f, "nested deeper than {limit}"),
            Cause::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(Box::new(Cause::Other(text.to_string())))
    }
}
