//! `--ascii` and LANG=C: the plain form of each of our own symbols. One that is a word or two characters is spelled before it is
//! measured; marks that are drawn alone take one cell.

use ratatui::buffer::Buffer;

use crate::paint::CUT;

/// The last pass over a frame: plain characters for our own symbols, NO_COLOR keeps bold and reverse only.
pub(crate) fn plain(buffer: &mut Buffer, ascii: bool, color: bool) {
    for cell in &mut buffer.content {
        if ascii && let Some(c) = cell.symbol().chars().next().filter(|c| !c.is_ascii()) {
            cell.set_char(
                ascii_of(c)
                    .and_then(|text| text.chars().next())
                    .unwrap_or('?'),
            );
        }
        if !color {
            cell.fg = ratatui::style::Color::Reset;
            cell.bg = ratatui::style::Color::Reset;
        }
    }
}

/// A text with the plain forms of our own symbols.
pub(crate) fn spelled(text: &str) -> String {
    if text == CUT {
        return ">".to_owned();
    }
    let mut spelled = String::with_capacity(text.len());
    for c in text.chars() {
        match ascii_of(c) {
            Some(plain) => spelled.push_str(plain),
            None => spelled.push(c),
        }
    }
    spelled
}

/// The plain form of a symbol of our own; `None` for what is not ours. None reads as a key, and none has the meaning of another.
fn ascii_of(c: char) -> Option<&'static str> {
    Some(match c {
        '─' | '━' | '—' | '–' => "-",
        '│' | '▕' | '▏' | '┃' => "|",
        '═' => "=",
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => "+",
        '┣' => "[",
        '┫' => "]",
        '●' => "@",
        '✕' | '×' => "x",
        '▸' | '›' => ">",
        '→' => "->",
        '←' => "<-",
        '∅' => "none",
        '✓' => "ok",
        '⌫' => "Backspace",
        '⏎' => "Enter",
        '▾' | '↓' => "v",
        '↑' => "^",
        '·' => ".",
        '•' => "*",
        '…' => "...",
        '█' | '▆' | '▇' => "#",
        '▓' => "=",
        '▒' => "+",
        '░' => "-",
        // Few is not none, which is a dot.
        '▁' | '▂' | '▃' => "_",
        '▄' | '▅' | '▪' => ":",
        '≥' => ">=",
        '≤' => "<=",
        '±' => "+-",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;
    use crate::paint::{Line, Pen};
    use crate::theme::{Role, Theme};

    /// The characters of our own sources that are no ASCII, without comments and tests.
    fn own_symbols(dir: &std::path::Path, found: &mut std::collections::BTreeSet<char>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                own_symbols(&path, found);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
            let lines = code.lines().map(|line| line.split("//").next().unwrap());
            found.extend(lines.flat_map(str::chars).filter(|c| !c.is_ascii()));
        }
    }

    #[test]
    fn every_symbol_that_we_draw_has_a_plain_form_and_what_is_not_ours_is_escaped() {
        let mut found = std::collections::BTreeSet::new();
        own_symbols(
            std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut found,
        );
        assert!(found.len() > 30, "{found:?}");
        for symbol in found {
            let plain = ascii_of(symbol);
            assert!(plain.is_some_and(|text| text.is_ascii()), "{symbol}");
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, 16, 1));
        let area = buffer.area;
        Pen::new(&mut buffer, true, Theme::default()).put(area, 0, 0, "┣━●┫▁█é", Role::Plain);
        let row: String = (0..16).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(row.trim_end(), "[-@]_#\\u{e9}");
    }

    #[test]
    fn plain_forms_read_as_what_they_mean_and_cut_texts_do_not_look_like_about() {
        for (text, plain) in [
            ("reading…", "reading..."),
            ("step 1 of 3, ⏎ all", "step 1 of 3, Enter all"),
            ("~03:10:12Z ±2s", "~03:10:12Z +-2s"),
            ("replicas 3→0", "replicas 3->0"),
            ("≥12", ">=12"),
            (CUT, ">"),
        ] {
            assert_eq!(spelled(text), plain);
        }
        // A bar of few writes is not one of none.
        assert_ne!(ascii_of('▁'), ascii_of('·'));
        let cut = Line::from("web-7d8547d7bb-l5bm4").without_middle(14);
        let plain: String = cut.0.iter().map(|(_, text)| spelled(text)).collect();
        assert_eq!(plain, "web-7d8>-l5bm4");
    }

    #[test]
    fn a_row_of_plain_forms_ends_where_its_width_says() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        let area = buffer.area;
        let line = Line::piece(Role::Plain, "1±2 ⏎");
        Pen::new(&mut buffer, true, Theme::default()).right(area, 0, &line);
        let row: String = (0..12).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(row, "  1+-2 Enter");
    }
}
