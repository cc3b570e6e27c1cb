//! Requests and limits, and sums of quantities.

use super::View;
use super::sheet::Sheet;
use crate::columns::quantity;

/// The limits and requests of a container, each on a line.
pub(super) fn of_container(resources: View<'_>, sheet: &mut Sheet) {
    for (title, field) in [("Limits", "limits"), ("Requests", "requests")] {
        let map = resources.key(field);
        if map.len() == 0 {
            continue;
        }
        sheet.line(2, &format!("{title}:"));
        for (name, value) in sorted(map) {
            sheet.at(3, name, &value);
        }
    }
}

/// The entries of a map of quantities, by name.
pub(super) fn sorted(map: View<'_>) -> Vec<(&str, String)> {
    let mut all: Vec<_> = map
        .fields()
        .map(|(name, value)| (name, value.any_or("0")))
        .collect();
    all.sort();
    all
}

/// How many of a divisor a quantity is, rounded up; of none: cores or bytes (`convertResource…ToString` in Kubernetes
/// `pkg/api/v1/resource/helpers.go`).
pub(super) fn divided(text: &str, divisor: &str, is_cpu: bool) -> String {
    // A thousandth of a core is the smallest part of one, a byte that of everything else.
    let parts = |text: &str| {
        let value = quantity(text).unwrap_or(0.0);
        let parts = if is_cpu { value * 1000.0 } else { value };
        (parts - 1e-6).ceil().max(0.0)
    };
    let one = if is_cpu { 1000.0 } else { 1.0 };
    let divisor = match parts(divisor) {
        0.0 => one,
        divisor => divisor,
    };
    format!("{:.0}", (parts(text) / divisor - 1e-9).ceil().max(0.0))
}

/// A sum of quantities that is printed like its first summand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuantitySum {
    pub(super) value: f64,
    binary: bool,
}

impl QuantitySum {
    pub(super) fn parse(text: &str) -> Self {
        Self {
            value: quantity(text).unwrap_or(0.0),
            binary: text.ends_with('i'),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        if self.value == 0.0 {
            self.binary = other.binary;
        }
        self.value += other.value;
    }

    /// The larger of both.
    pub(super) fn max(self, other: Self) -> Self {
        if other.value > self.value {
            other
        } else {
            self
        }
    }

    /// Whole percent of another quantity.
    pub(super) fn percent(self, of: Self) -> i64 {
        let share = if of.value == 0.0 {
            0.0
        } else {
            self.value / of.value * 100.0
        };
        format!("{:.0}", share.trunc()).parse().unwrap_or(0)
    }
}

impl std::fmt::Display for QuantitySum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units: &[(f64, &str)] = match self.binary {
            true => &[
                (1_099_511_627_776.0, "Ti"),
                (1_073_741_824.0, "Gi"),
                (1_048_576.0, "Mi"),
                (1024.0, "Ki"),
                (1.0, ""),
            ],
            false => &[
                (1e12, "T"),
                (1e9, "G"),
                (1e6, "M"),
                (1e3, "k"),
                (1.0, ""),
                (1e-3, "m"),
            ],
        };
        if self.value == 0.0 {
            return f.write_str("0");
        }
        let fits = |(unit, _): &&(f64, &str)| {
            let count = self.value / unit;
            count >= 1.0 && (count - count.round()).abs() < 1e-6
        };
        match units.iter().find(fits) {
            Some((unit, suffix)) => write!(f, "{:.0}{suffix}", self.value / unit),
            None => write!(f, "{}", self.value),
        }
    }
}
