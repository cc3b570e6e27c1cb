//! Exit codes.

/// How a run ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Asked and answered, nothing wrong.
    Ok,
    /// Answered, but: not found, different, or findings.
    Negative,
    /// Bad usage, or the path cannot be read.
    Refused,
    /// Answered in part: damage or Ctrl-C; what was skipped is listed.
    Partial,
    /// Ended by the signal of that number.
    Signal(u8),
}

impl Exit {
    /// 0, 1, 2, 3; 128 and the number of a signal, as shells have it. (130, the second Ctrl-C, ends the process by itself.)
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Negative => 1,
            Self::Refused => 2,
            Self::Partial => 3,
            Self::Signal(number) => number.saturating_add(128),
        }
    }

    /// 1 if something was not found or is wrong.
    pub(crate) fn negative_if(negative: bool) -> Self {
        if negative { Self::Negative } else { Self::Ok }
    }
}
