//! `describe`, and `get --describe`.

use etcd_inspect::answers::describe::DescribeAnswer;

use crate::ui::Ui;

/// Prints objects as `kubectl describe` does, two blank lines between them.
pub(crate) fn describe(described: &[DescribeAnswer], ui: &mut Ui) -> anyhow::Result<()> {
    for (at, answer) in described.iter().enumerate() {
        ui.answer("describe", answer, |ui| {
            if at > 0 {
                ui.line("")?;
                ui.line("")?;
            }
            for line in answer.text.lines() {
                ui.line(line)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
