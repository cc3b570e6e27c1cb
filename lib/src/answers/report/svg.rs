//! Charts: drawn once, complete without scripts, coloured by classes of the style sheet.

use maud::{Markup, html};

const WIDTH: u64 = 960;
/// Colours of the style sheet.
const COLORS: usize = 8;

/// The class of the series at a position.
pub(super) fn color(at: usize) -> String {
    format!("c{}", at % COLORS)
}

fn scaled(part: u64, whole: u64, length: u64) -> u64 {
    let scaled = u128::from(part).saturating_mul(length.into());
    let scaled = scaled.checked_div(whole.into()).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(length).min(length)
}

/// One bar of parts that add up to the whole.
pub(super) fn stacked_bar(title: &str, parts: &[(String, u64)]) -> Markup {
    let whole: u64 = parts.iter().map(|(_, part)| *part).sum();
    let mut at = 0u64;
    let mut bars = Vec::new();
    for (number, (name, part)) in parts.iter().enumerate() {
        let start = scaled(at, whole, WIDTH);
        at = at.saturating_add(*part);
        let width = scaled(at, whole, WIDTH).saturating_sub(start);
        bars.push((number, name, start, width));
    }
    html! {
        svg role="img" aria-label=(title) viewBox="0 0 960 40" preserveAspectRatio="none" class="bar" {
            @for (number, name, start, width) in bars {
                rect class=(color(number)) x=(start) y="0" width=(width) height="40" { title { (name) } }
            }
        }
    }
}

/// Names with their colours.
pub(super) fn legend(names: &[String]) -> Markup {
    html! {
        ul class="legend" {
            @for (at, name) in names.iter().enumerate() {
                li { svg aria-hidden="true" viewBox="0 0 10 10" class="dot" { rect class=(color(at)) width="10" height="10" {} } " " (name) }
            }
        }
    }
}

/// Rectangles in rows, each as large as its part: a treemap by slices.
pub(super) fn treemap(title: &str, parts: &[(String, u64)]) -> Markup {
    const HEIGHT: u64 = 240;
    let whole: u64 = parts.iter().map(|(_, part)| *part).sum();
    let mut boxes = Vec::new();
    let mut rest = parts;
    let (mut x, mut y, mut width, mut height) = (0u64, 0u64, WIDTH, HEIGHT);
    let mut left = whole;
    let mut number = 0usize;
    while let Some(((name, part), others)) = rest.split_first() {
        // Along the longer side, so that names have room.
        let (w, h) = match width >= height {
            true => (scaled(*part, left, width), height),
            false => (width, scaled(*part, left, height)),
        };
        boxes.push((number, name, x, y, w, h));
        match width >= height {
            true => {
                x = x.saturating_add(w);
                width = width.saturating_sub(w);
            }
            false => {
                y = y.saturating_add(h);
                height = height.saturating_sub(h);
            }
        }
        left = left.saturating_sub(*part);
        rest = others;
        number = number.saturating_add(1);
    }
    html! {
        svg role="img" aria-label=(title) viewBox="0 0 960 240" class="treemap" {
            @for (number, name, x, y, w, h) in boxes {
                @if w > 0 && h > 0 {
                    rect class={ "cell " (color(number)) } x=(x) y=(y) width=(w) height=(h) { title { (name) } }
                    @if h >= 16 && w >= 8u64.saturating_mul(name.chars().count() as u64).saturating_add(8) {
                        text x=(x.saturating_add(5)) y=(y.saturating_add(15)) { (name) }
                    }
                }
            }
        }
    }
}

/// A flag over a chart.
pub(super) struct Flag {
    /// Per mille of the width.
    pub(super) at: u64,
    pub(super) name: String,
    pub(super) class: &'static str,
}

/// Columns of stacked counts, a lane of deletions below, and flags over them.
pub(super) fn timeline(
    title: &str,
    series: &[Vec<u64>],
    deletes: &[u64],
    flags: &[Flag],
    ends: (&str, &str),
) -> Markup {
    const HEIGHT: u64 = 180;
    let columns = deletes.len().max(1);
    let sum = |at: usize| {
        series
            .iter()
            .filter_map(|counts| counts.get(at))
            .sum::<u64>()
    };
    let highest = (0..columns).map(sum).max().unwrap_or(0);
    let most_deletes = deletes.iter().copied().max().unwrap_or(0);
    let x = |at: usize| scaled(at as u64, columns as u64, WIDTH);
    let mut bars = Vec::new();
    for at in 0..columns {
        let mut bottom = HEIGHT;
        let width = x(at.saturating_add(1)).saturating_sub(x(at)).max(1);
        for (number, counts) in series.iter().enumerate() {
            let count = counts.get(at).copied().unwrap_or(0);
            let height =
                scaled(count, highest, HEIGHT.saturating_sub(20)).max(u64::from(count > 0));
            bottom = bottom.saturating_sub(height);
            if height > 0 {
                bars.push((color(number), x(at), bottom, width, height));
            }
        }
        let count = deletes.get(at).copied().unwrap_or(0);
        let height = scaled(count, most_deletes, 26).max(u64::from(count > 0));
        if height > 0 {
            bars.push(("del".to_owned(), x(at), 194, width, height));
        }
    }
    html! {
        svg role="img" aria-label=(title) viewBox="0 0 960 250" class="timeline" {
            line class="axis" x1="0" x2="960" y1="180" y2="180" {}
            text x="0" y="12" { "most in one span: " (located::text::number::thousands(highest.into())) }
            @for (class, x, y, width, height) in bars {
                rect class=(class) x=(x) y=(y) width=(width) height=(height) {}
            }
            @for flag in flags {
                @let x = scaled(flag.at, 1000, WIDTH);
                line class={ "flag " (flag.class) } x1=(x) x2=(x) y1="16" y2="222" { title { (flag.name) } }
            }
            text x="0" y="242" { (ends.0) }
            text x="960" y="242" text-anchor="end" { (ends.1) }
        }
    }
}

/// A strip of cells.
pub(super) fn strip(title: &str, cells: &[&'static str]) -> Markup {
    let count = cells.len().max(1) as u64;
    let mut runs: Vec<(&str, u64, u64)> = Vec::new();
    for (at, class) in cells.iter().enumerate() {
        let (start, end) = (
            scaled(at as u64, count, WIDTH),
            scaled((at as u64).saturating_add(1), count, WIDTH),
        );
        match runs.last_mut() {
            Some((last, _, to)) if last == class => *to = end,
            _ => runs.push((class, start, end)),
        }
    }
    html! {
        svg role="img" aria-label=(title) viewBox="0 0 960 36" preserveAspectRatio="none" class="bar" {
            @for (class, from, to) in runs {
                rect class=(class) x=(from) y="0" width=(to.saturating_sub(from)) height="36" {}
            }
        }
    }
}

/// Horizontal ranges of numbers, one lane each.
pub(super) fn lanes(title: &str, lanes: &[(String, u64, u64)]) -> Markup {
    let first = lanes.iter().map(|(_, from, _)| *from).min().unwrap_or(0);
    let last = lanes.iter().map(|(_, _, to)| *to).max().unwrap_or(0);
    let whole = last.saturating_sub(first).max(1);
    let height = 26u64.saturating_mul(lanes.len() as u64).saturating_add(4);
    let shown = lanes.iter().enumerate().map(|(at, (name, from, to))| {
        let x = scaled(from.saturating_sub(first), whole, 700).saturating_add(240);
        let end = scaled(to.saturating_sub(first), whole, 700).saturating_add(240);
        let y = 26u64.saturating_mul(at as u64).saturating_add(4);
        (color(at), name, x, end.saturating_sub(x).max(3), y)
    });
    html! {
        svg role="img" aria-label=(title) viewBox={ "0 0 960 " (height) } class="lanes" {
            @for (class, name, x, width, y) in shown {
                text x="0" y=(y.saturating_add(14)) { (name) }
                rect class=(class) x=(x) y=(y) width=(width) height="18" {}
            }
        }
    }
}
