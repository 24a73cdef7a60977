//! Reports once what occurs again and again.

use std::collections::HashMap;

use crate::finding::{Code, Finding};

/// So many of the other places are named.
const MOST_PLACES: usize = 8;
/// A message of more characters is cut, and a longer mended text is left out: lines of generated
/// files may have megabytes.
const LONGEST_MESSAGE: usize = 1000;
const LONGEST_FIX: usize = 8 * 1024;
/// So many findings of a code that differ in their words are reported one by one.
const MOST_OF_A_CODE: usize = 20;

/// Findings that say the same become one with a count and the first places;
/// so do those of a code that has been reported often enough. They come in their order.
pub(super) fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    let mut same: HashMap<(Code, String), usize> = HashMap::new();
    // How many of a code there are, and which one takes up the others.
    let mut of_code: HashMap<Code, (usize, usize)> = HashMap::new();
    for finding in findings.into_iter().map(bounded) {
        let key = (finding.code, finding.message.clone());
        let told = same.get(&key).copied().or_else(|| {
            let (count, last) = of_code.get(&finding.code)?;
            (*count > MOST_OF_A_CODE).then_some(*last)
        });
        if let Some(other) = told.and_then(|index| merged.get_mut(index)) {
            other.count += 1;
            if other.also.len() < MOST_PLACES {
                other.also.push(finding.at);
            }
            continue;
        }
        same.insert(key, merged.len());
        let (count, last) = of_code.entry(finding.code).or_default();
        *count += 1;
        *last = merged.len();
        merged.push(finding);
    }
    merged
}

fn bounded(finding: Finding) -> Finding {
    let message = text::shortened(&finding.message, LONGEST_MESSAGE);
    let fix = finding.fix.filter(|fix| fix.len() <= LONGEST_FIX);
    Finding { message, fix, ..finding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Position;

    fn finding(line: usize, message: &str) -> Finding {
        Finding::new(Code::Placeholder, Position { line, column: 1 }, message)
    }

    #[test]
    fn tells_once_what_is_the_same_and_where_else_it_is() {
        let all = merged(vec![finding(1, "a"), finding(2, "b"), finding(3, "a"), finding(4, "a")]);
        let told: Vec<_> = all.iter().map(|it| (it.at.line, it.count, it.also.len())).collect();
        assert_eq!(told, [(1, 3, 2), (2, 1, 0)]);
        assert_eq!(all[0].also[1].line, 4);
    }

    #[test]
    fn says_no_more_than_somebody_reads() {
        let long = "x".repeat(1_000_000);
        let all = merged(vec![finding(1, &long).fixed(&long)]);
        assert_eq!((all[0].message.chars().count(), &all[0].fix), (LONGEST_MESSAGE, &None));
    }

    #[test]
    fn sums_up_a_code_that_has_been_told_often_enough() {
        let all = merged((1..=1000).map(|n| finding(n, &n.to_string())).collect());
        assert_eq!(all.len(), MOST_OF_A_CODE + 1);
        assert_eq!(all.iter().map(|it| it.count).sum::<usize>(), 1000);
        assert_eq!((all[20].at.line, all[20].count, all[20].also.len()), (21, 980, MOST_PLACES));
    }
}
