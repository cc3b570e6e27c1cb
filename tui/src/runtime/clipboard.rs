//! The clipboard: within tmux its own buffer, else OSC 52, which also works over ssh; what is too long for it goes into a file.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::text::number;

use super::terminal::Terminal;

/// Longest text for OSC 52: terminals drop more than 74,994 bytes of base64 and say nothing.
const OSC52_BYTES: usize = 74_994 / 4 * 3;

/// Puts a text into a buffer of tmux, which hands it on to the clipboard of its terminal.
fn to_tmux(text: &str) -> std::io::Result<()> {
    let mut child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let written = match child.stdin.take() {
        Some(mut input) => input.write_all(text.as_bytes()),
        None => Ok(()),
    };
    let status = child.wait()?;
    match status.success() {
        true => written,
        false => Err(std::io::Error::other(format!("tmux: {status}"))),
    }
}

/// Sends a text to the clipboard and says which way. No way confirms that it arrived.
pub(super) fn copy(
    terminal: &mut Terminal,
    text: &str,
    what: &str,
    remote: bool,
    tmux: bool,
) -> String {
    let size = number::size(text.len() as u64);
    if tmux && to_tmux(text).is_ok() {
        return format!(
            "sent {what}, {size}, to the tmux buffer (tmux load-buffer -w); paste: prefix ]"
        );
    }
    if text.len() > OSC52_BYTES {
        return match to_file(text) {
            Ok(file) => format!("{what}, {size}: too long for OSC 52, written to {file}"),
            Err(error) => format!(
                "{what}, {size}: too long for OSC 52, and no file could be written: {error}"
            ),
        };
    }
    match terminal.write(&osc52(text, tmux)) {
        Ok(()) if remote => {
            format!("sent {what}, {size}, through OSC 52 to the clipboard of your own terminal")
        }
        Ok(()) => format!("sent {what}, {size}, through OSC 52 to the clipboard of the terminal"),
        Err(error) => match to_file(text) {
            Ok(file) => format!("{what}, {size}: OSC 52 failed ({error}), written to {file}"),
            Err(_) => format!("{what} was not sent: {error}"),
        },
    }
}

/// The sequence that sets the clipboard; tmux passes it on when it is wrapped and its escapes are doubled.
fn osc52(text: &str, tmux: bool) -> String {
    let set = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    if tmux {
        format!("\x1bPtmux;{}\x1b\\", set.replace('\x1b', "\x1b\x1b"))
    } else {
        set
    }
}

fn to_file(text: &str) -> std::io::Result<String> {
    let dir = std::env::temp_dir();
    for number in 1..1000u32 {
        let file = dir.join(format!(
            "etcd-inspect-copy-{}-{number}.txt",
            std::process::id()
        ));
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.write(true).create_new(true).open(&file) {
            Ok(mut out) => {
                out.write_all(text.as_bytes())?;
                return Ok(file.display().to_string());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::osc52;

    #[test]
    fn the_sequence_is_wrapped_for_tmux() {
        assert_eq!(osc52("hi", false), "\x1b]52;c;aGk=\x07");
        assert_eq!(osc52("hi", true), "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
    }
}
