//! `[2]`, `[0:4]`, `[*]`: some of a list.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ListSlice {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) step: i64,
    pub(super) single: bool,
}

impl ListSlice {
    /// All of a list.
    pub(super) const ALL: Self = Self {
        from: None,
        to: None,
        step: 1,
        single: false,
    };

    /// What kubectl takes of a list, or why it refuses to (`evalArray` in client-go `util/jsonpath/jsonpath.go`, v0.34.0).
    pub(super) fn cut<'v>(&self, items: &'v [Value]) -> Result<Vec<&'v Value>, String> {
        let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let absolute = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let from = absolute(self.from.unwrap_or(0));
        let to = match self.single {
            true => from.saturating_add(1),
            false => absolute(self.to.unwrap_or(len)),
        };
        if from == to {
            return Ok(Vec::new());
        }
        let outside = |at: i64| format!("array index out of bounds: index {at}, length {len}");
        if !(0..len).contains(&from) {
            return Err(outside(from));
        }
        if !(0..=len).contains(&to) {
            return Err(outside(to.saturating_sub(1)));
        }
        if from > to {
            return Err(format!(
                "starting index {from} is greater than ending index {to}"
            ));
        }
        if self.step < 1 {
            return Err("step must be > 0".to_owned());
        }
        let at = |at: i64| usize::try_from(at).unwrap_or(usize::MAX);
        let range = items.get(at(from)..at(to)).unwrap_or_default();
        Ok(range.iter().step_by(at(self.step)).collect())
    }
}
