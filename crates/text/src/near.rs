//! What somebody meant who wrote nearly that.

/// More names than a template of `CloudFormation` may have of resources and
/// parameters: to compare each name with so many would take minutes.
const MOST_NAMES: usize = 1000;

/// The known name that was meant: the same but for case, an `s` at the end, or
/// a letter or two. Nothing where more than a thousand are known.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    if known.len() > MOST_NAMES {
        return None;
    }
    // Of a name of a letter or two nothing is left that was meant.
    let allowed = match name.len() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    };
    let wanted = name.to_ascii_lowercase();
    let is_close = |other: &&&str| other.len().abs_diff(wanted.len()) <= allowed * 4;
    let distance = |other: &str| distance(&wanted, &other.to_ascii_lowercase());
    let best = known.iter().filter(is_close).map(|other| (distance(other), *other)).min()?;
    (best.0 <= allowed).then_some(best.1)
}

/// How many letters to insert, drop or change make `b` of the first 64 letters of `a`.
#[must_use]
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_letter_or_two_for_a_slip() {
        let known = ["Action", "Resource", "StringEquals", "R"];
        for (name, meant) in [
            ("action", Some("Action")),
            ("Resources", Some("Resource")),
            ("StringEqual", Some("StringEquals")),
            ("Principal", None),
            ("", None),
            ("X", None),
        ] {
            assert_eq!(nearest(name, &known), meant, "{name}");
        }
    }
}
