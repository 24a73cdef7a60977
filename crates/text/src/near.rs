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
    let distance = |other: &str| distance_within(&wanted, &other.to_ascii_lowercase(), allowed);
    let close = known.iter().filter_map(|other| Some((distance(other)?, *other)));
    close.min().map(|(_, name)| name)
}

/// How many letters to insert, drop or change make `b` of `a`, unless it takes more than
/// `most`. The cost grows with the texts' length times `most`.
#[must_use]
pub fn distance_within(a: &str, b: &str, most: usize) -> Option<usize> {
    if a == b {
        return Some(0);
    }
    // A letter has four bytes at most.
    if a.len().abs_diff(b.len()) > most * 4 {
        return None;
    }
    let far = most + 1;
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).map(|j| j.min(far)).collect();
    for (i, x) in a.chars().enumerate() {
        let i = i + 1;
        // Letters further apart than that cost too much already.
        let (first, last) = (i.saturating_sub(most).max(1), (i + most).min(b.len()));
        if first > b.len() + 1 {
            return None;
        }
        let before = if first == 1 { i.min(far) } else { far };
        let mut corner = std::mem::replace(&mut row[first - 1], before);
        for j in first..=last {
            let change = corner + usize::from(x != b[j - 1]);
            corner = row[j];
            row[j] = change.min(corner + 1).min(row[j - 1] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= most)
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

    #[test]
    fn counts_letters_up_to_the_most_that_may_differ() {
        for (a, b, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("abcdef", "bcdefa", 2),
            ("abc", "abcdef", 3),
            ("Zürich", "Zurich", 1),
            ("aé", "éa", 2),
            ("aaaaaaaa", "bbbbbbbb", 8),
        ] {
            for most in 0..10 {
                let wanted = (distance <= most).then_some(distance);
                assert_eq!(distance_within(a, b, most), wanted, "{a} {b} {most}");
                assert_eq!(distance_within(b, a, most), wanted, "{b} {a} {most}");
            }
        }
    }

    #[test]
    fn compares_long_names_whole() {
        let long = "Aa".repeat(60);
        let other = format!("{long}Role");
        assert_eq!(nearest(&long.to_lowercase(), &[&other, &long]), Some(long.as_str()));
        assert_eq!(nearest(&format!("{long}Rolle"), &[&other]), Some(other.as_str()));
        assert_eq!(nearest(&format!("{long}Queue"), &[&other]), None);
    }
}
