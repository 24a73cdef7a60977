//! The checks of other linters beside ours: for each a policy in which the linter finds it, and a
//! neighbour in which it finds nothing. `docs/iam.md` has them as a table, which is read here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a panic is how a test says what went wrong"
)]

mod checks;
mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use iam::lint;

/// A check of another linter, our code for it, what has the mistake, and what has not.
type Check = (&'static str, &'static str, Input, Input);

/// What goes around the part that matters.
#[derive(Clone, Copy)]
enum Input {
    /// Nothing: the whole file.
    Whole(&'static str),
    /// Statements of a policy.
    Policy(&'static str),
    /// Members of one that allows something.
    Statement(&'static str),
    /// Conditions beside those of a good trust policy.
    Also(&'static str),
    /// All of its conditions, under one operator each.
    Condition(&'static str),
    /// The principal of a good trust policy.
    Principal(&'static str),
    /// Its action.
    Action(&'static str),
    /// The resource that a permission policy allows to read.
    Resource(&'static str),
    /// A trust policy for so many subjects.
    Subjects(usize),
    /// A managed policy for so many resources.
    Resources(usize),
}

const PROVIDER: &str =
    r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/X"}"#;
const CALL: &str = r#""sts:AssumeRoleWithWebIdentity""#;
const CLAIMS: &str = r#""StringEquals": {"oidc.example.com/id/X:aud": "sts.amazonaws.com", "oidc.example.com/id/X:sub": "system:serviceaccount:demo:app"}"#;

impl Input {
    fn whole(self) -> String {
        let trust = |principal: &str, action: &str, condition: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {principal}, "Action": {action}, "Condition": {{{condition}}}}}]}}"#
            )
        };
        let many = |count: usize, one: &dyn Fn(usize) -> String| {
            (0..count).map(one).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Whole(text) => text.to_owned(),
            Self::Policy(list) => format!(r#"{{"Version": "2012-10-17", "Statement": [{list}]}}"#),
            Self::Statement(members) => format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {members}}}]}}"#
            ),
            Self::Also(operators) => trust(PROVIDER, CALL, &format!("{CLAIMS}, {operators}")),
            Self::Condition(operators) => trust(PROVIDER, CALL, operators),
            Self::Principal(principal) => trust(principal, CALL, CLAIMS),
            Self::Action(action) => trust(PROVIDER, action, CLAIMS),
            Self::Resource(resource) => format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": {resource}}}]}}"#
            ),
            Self::Subjects(count) => {
                let subjects = many(count, &|n| format!("\"system:serviceaccount:demo:app-{n}\""));
                let claims = format!(
                    r#""StringEquals": {{"oidc.example.com/id/X:aud": "sts.amazonaws.com", "oidc.example.com/id/X:sub": [{subjects}]}}"#
                );
                trust(PROVIDER, CALL, &claims)
            }
            Self::Resources(count) => {
                let resources = many(count, &|n| format!("\"arn:aws:s3:::reports-{n}/*\""));
                Self::Resource("[]").whole().replace("[]", &format!("[{resources}]"))
            }
        }
    }
}

fn codes(input: Input) -> BTreeSet<&'static str> {
    lint(&input.whole()).iter().map(|finding| finding.code.word()).collect()
}

fn all() -> impl Iterator<Item = &'static Check> {
    checks::ERRORS.iter().chain(checks::WARNINGS).chain(others::CHECKS)
}

#[test]
fn the_linter_finds_each_and_nothing_in_its_neighbour() {
    let mut wrong = Vec::new();
    for (check, code, bad, good) in all() {
        let found = codes(*bad);
        if !found.contains(code) {
            wrong.push(format!("{check}: {code} is not among {found:?} of\n  {}", bad.whole()));
        }
        let found = codes(*good);
        if !found.is_empty() {
            wrong.push(format!("{check}: {found:?} in\n  {}", good.whole()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn section() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/iam.md");
    #[expect(clippy::disallowed_methods, reason = "the documentation is in the repository")]
    let docs = std::fs::read_to_string(path).unwrap();
    let (_, section) = docs.split_once("### Beside other linters").expect("the section");
    section.split("\n## ").next().unwrap().to_owned()
}

/// A row of the tables: the check, the codes, and what else stands there.
fn documented() -> BTreeMap<String, (BTreeSet<String>, String)> {
    let section = section();
    let mut rows = BTreeMap::new();
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| `iam lint` |");
    for line in section.lines().filter(is_row) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [check, ours] = cells.as_slice() else { panic!("two columns: {line}") };
        let codes = ours.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let rest = ours.split('`').step_by(2).collect::<String>();
        let twice = rows.insert((*check).to_owned(), (codes, rest.trim().to_owned()));
        assert!(twice.is_none(), "twice: {check}");
    }
    rows
}

#[test]
fn the_documentation_has_each_with_its_code() {
    let documented = documented();
    let mut tested: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (check, code, ..) in all() {
        tested.entry(check).or_default().insert((*code).to_owned());
    }
    for (check, codes) in &tested {
        let row = documented.get(*check).unwrap_or_else(|| panic!("docs/iam.md lacks {check}"));
        assert_eq!(&row.0, codes, "{check}");
    }
    for (check, (codes, reason)) in &documented {
        if codes.is_empty() {
            assert!(reason.len() > 10, "{check}: why not?");
        } else {
            assert!(tested.contains_key(check.as_str()), "{check}: no case has it");
        }
    }
    let of_analyzer: Vec<_> =
        documented.iter().filter(|(check, _)| is_of_analyzer(check)).collect();
    let full = of_analyzer.iter().filter(|(_, (codes, _))| !codes.is_empty()).count();
    let told = format!("{full} of {} have a code here", of_analyzer.len());
    assert!(full >= 80 && section().contains(&told), "docs/iam.md lacks: {told}");
}

fn is_of_analyzer(check: &str) -> bool {
    ["Error: ", "Warning: ", "Security: ", "Suggestion: "].iter().any(|it| check.starts_with(it))
}
