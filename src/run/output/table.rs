//! Tables as kubectl prints them: upper-case headings, columns that are as wide as their widest
//! text, and three spaces between them, so that `awk` and `cut` can take them apart.

use std::fmt::Write as _;

use text::escaped;

use super::look::Tone;
use super::wrap::columns;

/// What stands for a cell without text.
const NONE: &str = "<none>";

/// Between two columns.
const GAP: usize = 3;

/// One text of a row.
#[derive(Clone, Debug)]
pub(in crate::run) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    pub(in crate::run) fn plain(text: &str) -> Self {
        Self { text: shown(text), tone: None }
    }

    pub(in crate::run) fn toned(tone: Tone, text: &str) -> Self {
        Self { text: shown(text), tone: Some(tone) }
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { escaped(text).into_owned() }
}

/// All lines, with colour or without.
pub(super) fn lines(headings: &[&str], rows: &[Vec<Cell>], colour: bool) -> Vec<String> {
    let heading = headings.iter().map(|text| Cell { text: (*text).to_owned(), tone: None });
    let heading: Vec<Cell> = heading.collect();
    let all = || std::iter::once(&heading).chain(rows);
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| all().filter_map(|row| row.get(column)).map(|it| columns(&it.text)).max())
        .map(Option::unwrap_or_default)
        .collect();
    let line = |row: &Vec<Cell>| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let missing = width.saturating_sub(columns(&cell.text)) + GAP;
            match cell.tone.filter(|_| colour) {
                Some(tone) => {
                    let style = tone.style();
                    // Writing to a `String` can't fail.
                    let _ = write!(line, "{style}{}{style:#}", cell.text);
                }
                None => line.push_str(&cell.text),
            }
            line.push_str(&" ".repeat(missing));
        }
        line.trim_end().to_owned()
    };
    all().map(line).collect()
}
