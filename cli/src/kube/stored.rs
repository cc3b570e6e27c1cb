//! Stored values as they are: `-o raw` and `-o hex`.

use etcd_inspect::answers::Version;
use etcd_inspect::kubernetes::mask::{Mask, is_secret_key};
use etcd_inspect::member::{Objects, mask_ranges, secrets_in_value};

use crate::output::{Format, Label, Line, hex, person};
use crate::ui::Ui;

/// The stored bytes, decrypted where a key is at hand; those of Secrets only where they shall be seen.
pub(super) fn stored(
    objects: &Objects<'_>,
    versions: &[Version<'_>],
    mask: Option<&Mask>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    for version in versions {
        let Ok(kv) = version.key_value() else {
            continue;
        };
        if let Some(mask) = mask.filter(|_| is_secret_key(objects.layout(), version.key)) {
            ui.line(Line::new().with(
                Label::Dim,
                format!(
                    "{} ({} bytes; --reveal shows them)",
                    mask.hidden(kv.value),
                    kv.value.len()
                ),
            ))?;
            continue;
        }
        let opened = objects.open(kv.key, kv.value)?;
        let plain = opened
            .as_ref()
            .map_or(kv.value, |opened| opened.plain.as_slice());
        if ui.global.format() == Format::Raw {
            let masked = mask.map_or(plain.into(), |mask| mask.bytes(plain));
            person::raw(&masked, ui)?;
        } else {
            let terminal = ui.terminal;
            let secrets = mask.map_or_else(Vec::new, |_| {
                secrets_in_value(objects.layout(), version.key, plain)
            });
            let (shown, hidden) = mask_ranges(plain, &secrets);
            hex::dump(ui.out(), terminal, "", 0, &shown)?;
            if hidden > 0 {
                ui.note(format!(
                    "{hidden} bytes of secrets are shown as *: --reveal shows them"
                ))?;
            }
        }
    }
    Ok(())
}
