//! When the program itself is wrong: restore the terminal, leave a crash file without evidence in it, say where it is.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::PanicHookInfo;

use crate::memory;

/// Installs the hook.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        if memory::is_refusal(message(panic)) {
            memory::say();
            return;
        }
        let mut err = std::io::stderr();
        // Leave the alternate screen, show the cursor, end colours: harmless where nothing was changed.
        if std::io::IsTerminal::is_terminal(&err) {
            let _ = err.write_all(b"\x1b[?1049l\x1b[?25h\x1b[0m");
        }
        let file =
            std::env::temp_dir().join(format!("etcd-inspect-crash-{}.txt", std::process::id()));
        let text = describe(panic);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut out| out.write_all(text.as_bytes()));
        let _ = writeln!(
            err,
            "etcd-inspect has a bug and had to stop. The evidence was not touched."
        );
        let _ = match written {
            Ok(()) => writeln!(
                err,
                "{} describes it without keys, values or paths: please attach it to a bug report.",
                file.display()
            ),
            Err(_) => writeln!(err, "{text}"),
        };
    }));
}

/// What a bug report needs. Paths, keys and values are left out: the verb and the flags' names stay, quoted parts of the
/// panic's message go.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let mut text = format!(
        "etcd-inspect {} on {} {}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let shape: Vec<_> = std::env::args()
        .skip(1)
        .map(|arg| match arg.split_once('=') {
            Some((flag, _)) if flag.starts_with("--") => format!("{flag}=…"),
            _ if arg.starts_with("--") || crate::commands::is_verb(&arg) => arg,
            _ => "…".to_owned(),
        })
        .collect();
    let _ = writeln!(text, "arguments: {}", shape.join(" "));
    if let Some(place) = panic.location() {
        let _ = writeln!(text, "at: {}:{}", place.file(), place.line());
    }
    let _ = writeln!(text, "message: {}", redact(message(panic)));
    let _ = writeln!(text, "\n{}", Backtrace::force_capture());
    text
}

fn message<'p>(panic: &'p PanicHookInfo<'_>) -> &'p str {
    let payload = panic.payload();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(owned)
        .unwrap_or_default()
}

/// A panic's message without what is in quotes or brackets: it may be evidence.
fn redact(message: &str) -> String {
    let mut out = String::new();
    let mut quoted_by = None;
    for c in message.chars().take(400) {
        match quoted_by {
            Some(quote) if c == quote => quoted_by = None,
            Some(_) => continue,
            None if matches!(c, '"' | '`' | '[' | '\'') => {
                quoted_by = Some(if c == '[' { ']' } else { c });
                out.push_str("\"••••\"");
            }
            None if c == '\n' => break,
            None => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn a_crash_file_keeps_numbers_and_drops_quoted_evidence() {
        assert_eq!(
            redact("index out of bounds: the len is 3 but the index is 7"),
            "index out of bounds: the len is 3 but the index is 7"
        );
        assert_eq!(
            redact("byte index 1 is not a char boundary of `geheim`: \"token\" x"),
            "byte index 1 is not a char boundary of \"••••\": \"••••\" x"
        );
        assert_eq!(
            redact("left: [115, 51, 99], right: Some('x') is never 7"),
            "left: \"••••\", right: Some(\"••••\") is never 7"
        );
    }
}
