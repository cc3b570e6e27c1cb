//! How the preview looks.

use etcd_inspect::export::yaml;
use etcd_inspect::text::{escape, number};
use ratatui::layout::Rect;

use super::loaded::{Body, hex, name};
use super::preview::Preview;
use crate::paint::{Line, Pen};
use crate::session::Session;
use crate::theme::Role;

/// Cells of the blame column: a manager and a time.
const BLAME: u16 = 31;

impl Preview {
    pub(super) fn draw(&mut self, area: Rect, pen: &mut Pen<'_>, session: &Session, focused: bool) {
        if area.width == 0 || area.height == 0 {
            return;
        }
        let title = self.title(session);
        let inner = pen.frame(area, &title, focused);
        let len = self.len();
        let Some(loaded) = &self.loaded else { return };
        let mut body = inner;
        let blame = !self.look.no_blame
            && inner.width >= 76
            && matches!(loaded.body, Body::Yaml(_))
            && loaded.is_object();
        if blame {
            let head = Line::of(
                Role::Dim,
                format!("{:<19} {:<10}", "who (managedFields)", "when~"),
            );
            pen.line(inner, 0, &head, 0);
            pen.put(
                inner,
                BLAME,
                0,
                &format!("│ YAML   {}", self.look.neat.name()),
                Role::Dim,
            );
            body = Rect {
                y: inner.y.saturating_add(1),
                height: inner.height.saturating_sub(1),
                ..inner
            };
        }
        let (cursor, left) = (self.look.list.cursor(), self.look.left);
        let mut before = None;
        for (y, at) in self.look.list.window(body.height, len) {
            match &loaded.body {
                Body::Hex => {
                    if let Some(object) = &loaded.object {
                        pen.line(body, y, &hex(object).row(at), left);
                    }
                }
                Body::Lines(lines) => {
                    if let Some(line) = lines.get(at) {
                        pen.line(body, y, line, left);
                    }
                }
                Body::Yaml(lines) => {
                    let Some(line) = loaded.shown.get(at).and_then(|at| lines.get(*at)) else {
                        continue;
                    };
                    let mut text = body;
                    if blame {
                        let who = loaded.who(line, session);
                        let shown = if who == before && y > 0 {
                            Line::of(Role::Dim, if who.is_some() { "." } else { "" })
                        } else {
                            blamed(who.as_ref())
                        };
                        pen.line(
                            Rect {
                                width: BLAME.min(body.width),
                                ..body
                            },
                            y,
                            &shown,
                            0,
                        );
                        before = who;
                        pen.put(body, BLAME, y, "│", Role::Dim);
                        let gap = BLAME.saturating_add(2).min(body.width);
                        text = Rect {
                            x: body.x.saturating_add(gap),
                            width: body.width - gap,
                            ..body
                        };
                    }
                    pen.line(
                        text,
                        y,
                        &coloured(
                            line,
                            self.look.folds.contains(&name(&line.path)) && line.opens,
                        ),
                        left,
                    );
                }
            }
            if focused && at == cursor {
                pen.highlight(body, y, Role::Cursor);
            }
        }
    }

    fn title(&self, session: &Session) -> Line {
        let Some(loaded) = &self.loaded else {
            return Line::from("object");
        };
        let data = session.rows();
        let key = data.and_then(|data| data.objects.parse(&loaded.stamp.key));
        let name = match key {
            Some(key) => key.name.to_owned(),
            None => escape::bytes(&loaded.stamp.key, session.charset()).into_owned(),
        };
        let mut title = Line::of(Role::Name, name);
        if let Some(object) = &loaded.object {
            if let Some(kind) = object.kind() {
                title = title.text(format!(" · {kind}"));
            }
            let (which, of) = loaded.versions;
            let size = object.value.map_or(0, |value| value.value.len());
            if loaded.stamp.complete {
                title = title.text(format!(" · v{which} of {of}"));
            }
            title = title.text(format!(
                " · {} {}",
                number::size(size as u64),
                object.encoding
            ));
        }
        if session.is_revealed(&loaded.stamp.key) {
            title = title.with(Role::Warning, " · revealed");
        }
        title
    }
}

fn blamed(who: Option<&(String, String)>) -> Line {
    let Some((manager, when)) = who else {
        return Line::new();
    };
    let manager: String = if manager.chars().count() > 19 {
        manager.chars().take(18).chain(['…']).collect()
    } else {
        manager.clone()
    };
    // Of a time of another day the date says more than the second.
    let when = when.get(..10).unwrap_or(when);
    Line::of(Role::Name, format!("{manager:<19} ")).with(Role::Dim, when.to_owned())
}

/// Names apart from values.
fn coloured(line: &yaml::Line, folded: bool) -> Line {
    let text = &line.text;
    let shown = match text.split_once(": ") {
        Some((name, value)) if !line.path.is_empty() => {
            Line::of(Role::Name, format!("{name}: ")).text(value)
        }
        _ if line.opens => Line::of(Role::Name, text.clone()),
        _ => Line::from(text.as_str()),
    };
    if folded {
        shown.with(Role::Dim, " ▸ …")
    } else {
        shown
    }
}
