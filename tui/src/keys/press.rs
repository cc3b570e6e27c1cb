//! Names of key presses: `j`, `G`, `ctrl-d`, `enter`, `s-tab`, `f2`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const NAMED: &[(&str, KeyCode, &str)] = &[
    ("enter", KeyCode::Enter, "⏎"),
    ("esc", KeyCode::Esc, "Esc"),
    ("tab", KeyCode::Tab, "Tab"),
    ("s-tab", KeyCode::BackTab, "S-Tab"),
    ("up", KeyCode::Up, "↑"),
    ("down", KeyCode::Down, "↓"),
    ("left", KeyCode::Left, "←"),
    ("right", KeyCode::Right, "→"),
    ("pgup", KeyCode::PageUp, "PgUp"),
    ("pgdn", KeyCode::PageDown, "PgDn"),
    ("home", KeyCode::Home, "Home"),
    ("end", KeyCode::End, "End"),
    ("backspace", KeyCode::Backspace, "⌫"),
    ("space", KeyCode::Char(' '), "Space"),
    ("f2", KeyCode::F(2), "F2"),
];

/// The name of a press; `None`: one that nothing is bound to.
pub(crate) fn token(key: &KeyEvent) -> Option<String> {
    if let Some((name, _, _)) = NAMED.iter().find(|(_, code, _)| *code == key.code) {
        return Some((*name).to_owned());
    }
    match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            Some(format!("ctrl-{}", c.to_ascii_lowercase()))
        }
        KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::ALT) => Some(c.to_string()),
        _ => None,
    }
}

/// The press of that name; `None`: there is no such name.
///
/// ```
/// use crossterm::event::{KeyCode, KeyModifiers};
/// let key = etcd_inspect_tui::keys::parse("ctrl-d").unwrap();
/// assert_eq!((key.code, key.modifiers), (KeyCode::Char('d'), KeyModifiers::CONTROL));
/// ```
pub fn parse(name: &str) -> Option<KeyEvent> {
    if let Some((_, code, _)) = NAMED.iter().find(|(known, _, _)| *known == name) {
        return Some(KeyEvent::new(*code, KeyModifiers::NONE));
    }
    let (name, modifiers) = match name.strip_prefix("ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (name, KeyModifiers::NONE),
    };
    let mut chars = name.chars();
    let c = chars.next()?;
    chars
        .next()
        .is_none()
        .then_some(KeyEvent::new(KeyCode::Char(c), modifiers))
}

/// A sequence as the user reads it: `gg`, `⏎`, `Ctrl-d`.
pub fn shown(keys: &str) -> String {
    let press = |press: &str| match NAMED.iter().find(|(name, _, _)| *name == press) {
        Some((_, _, shown)) => (*shown).to_owned(),
        None => match press.strip_prefix("ctrl-") {
            Some(letter) => format!("Ctrl-{letter}"),
            None => press.to_owned(),
        },
    };
    keys.split(' ').map(press).collect()
}
