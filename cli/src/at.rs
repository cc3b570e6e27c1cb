//! `--rev` and `--replay`: at which moment of the evidence a question is asked.

use std::str::FromStr;

/// Flags of the verbs that can answer for the past.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct At {
    /// As of this revision; -N: N before the newest
    #[arg(long, value_name = "N|-N|latest", allow_hyphen_values = true)]
    pub(crate) rev: Option<Rev>,
    /// As etcd would have it after a start: with the WAL entries behind the db
    #[arg(long)]
    pub(crate) replay: bool,
}

/// `--rev`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rev {
    /// The newest.
    Latest,
    /// So many before the newest.
    Back(i64),
    /// This one.
    Exact(i64),
}

impl FromStr for Rev {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text
            .strip_prefix("rev:")
            .unwrap_or(text)
            .replace([',', '_'], "");
        match digits.as_str() {
            "latest" | "" => Ok(Self::Latest),
            digits => match digits.parse::<i64>() {
                Ok(0) => Ok(Self::Latest),
                Ok(back) if back < 0 => Ok(Self::Back(back.saturating_neg())),
                Ok(revision) => Ok(Self::Exact(revision)),
                Err(_) => Err(format!(
                    "not a revision: {text:?} (examples: 1202270, -100, latest)"
                )),
            },
        }
    }
}

impl At {
    /// The revision meant, where `newest` is the newest one; none where that is asked for.
    pub(crate) fn revision(&self, newest: i64) -> Option<i64> {
        match self.rev? {
            Rev::Latest => None,
            Rev::Back(back) => Some(newest.saturating_sub(back).max(0)),
            Rev::Exact(revision) => Some(revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_exact_relative_or_latest() {
        let at = |text: &str| At {
            rev: Some(text.parse().unwrap()),
            replay: false,
        };
        assert_eq!(at("1,202,270").revision(9), Some(1_202_270));
        assert_eq!(at("-3").revision(10), Some(7));
        assert_eq!(at("latest").revision(10), None);
        assert!("x".parse::<Rev>().is_err());
    }
}
