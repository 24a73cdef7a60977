//! What somebody was to fill in: `${account}`, `{{ .Values.role }}`, `%s`, `<account>`,
//! `[ACCOUNT_ID]`, `{account}`, `YOUR_BUCKET`.

use std::ops::Range;

use super::finding::{Code, Finding};
use super::place::Position;

/// A way to write a placeholder: how it begins and ends, and what may stand between.
type Bracket = (&'static str, &'static str, fn(&str) -> bool);

/// The longer beginnings first.
const BRACKETS: [Bracket; 13] = [
    ("${{", "}}", is_anything),
    ("{{", "}}", is_anything),
    ("{%", "%}", is_anything),
    ("<%", "%>", is_anything),
    ("%{", "}", is_anything),
    ("#{", "}", is_anything),
    ("${", "}", is_variable),
    ("$(", ")", is_name),
    ("((", "))", is_name),
    ("<<", ">>", is_name),
    ("{", "}", is_identifier),
    ("[", "]", is_name),
    ("<", ">", is_name),
];

/// Longer ones are text that happens to have two brackets.
const LONGEST: usize = 200;

/// The placeholders in a text, as ranges of bytes, in order.
pub(super) fn parts(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut index = 0;
    let mut closing = Closing::default();
    // Where a word may begin.
    let mut after = None;
    while let Some(c) = text[index..].chars().next() {
        let rest = &text[index..];
        let length = match c {
            '$' | '{' | '<' | '%' | '#' | '[' | '(' => {
                let end = closing.of(text, index);
                end.or_else(|| shell_variable(rest))
                    .or_else(|| marked(rest, "%%"))
                    .or_else(|| verb(rest, after))
            }
            '@' | '_' => ["@@", "@", "__"].iter().find_map(|mark| marked(rest, mark)),
            _ => None,
        };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let begins = is_word(c) && !after.is_some_and(is_word);
        let length = length.or_else(|| {
            // A longer one is none.
            let rest = &rest[..rest.floor_char_boundary(LONGEST)];
            let word = || rest.find(|c| !is_word(c)).map_or(rest, |end| &rest[..end]);
            begins.then(word).filter(|word| is_placeholder_word(word)).map(str::len)
        });
        if let Some(length) = length {
            found.push(index..index + length);
            index += length;
            after = Some(' ');
        } else {
            index += c.len_utf8();
            after = Some(c);
        }
    }
    found
}

/// `{{resolve:ssm:...}}`: not known here, and `CloudFormation`'s own to fill in.
pub(super) fn is_dynamic_reference(part: &str) -> bool {
    part.starts_with("{{resolve:")
}

/// The finding for one of them.
pub(super) fn unfilled(found: &str, at: Position) -> Finding {
    let shown = if found.starts_with("{{") { "{{...}}" } else { found };
    let message = format!("{shown} is a placeholder that is not filled in");
    Finding::new(Code::Placeholder, at, message)
}

/// Where each kind of bracket closes next, from wherever that was looked for last: a text
/// may be long and full of brackets that never close.
#[derive(Default)]
struct Closing([Option<usize>; BRACKETS.len()]);

impl Closing {
    /// Where the placeholder at `index` ends.
    fn of(&mut self, text: &str, index: usize) -> Option<usize> {
        BRACKETS.iter().enumerate().find_map(|(kind, (open, close, may_be))| {
            let start = index + text[index..].strip_prefix(open).map(|_| open.len())?;
            let known = self.0[kind].filter(|end| *end >= start);
            let end = known
                .or_else(|| text[start..].find(close).map(|found| start + found))
                .unwrap_or(text.len());
            self.0[kind] = Some(end);
            let inside = text.get(start..end).filter(|it| it.len() <= LONGEST)?;
            (end < text.len() && may_be(inside)).then_some(end + close.len() - index)
        })
    }
}

fn is_anything(inside: &str) -> bool {
    !inside.trim().is_empty()
}

/// A policy variable has a colon: `${aws:username}`, or is a character: `${*}`.
fn is_variable(inside: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    inside.trim_start().starts_with(begins) && !is_policy_variable(inside)
}

fn is_identifier(inside: &str) -> bool {
    is_name(inside) && !inside.contains(' ')
}

/// What other tools write before a colon: `${env:ROLE}`, `${self:custom.role}`.
const OF_TOOLS: [&str; 9] =
    ["env", "self", "opt", "file", "ssm", "cf", "param", "sls", "terraform"];

/// `${aws:username}`, `${aws:PrincipalTag/team, 'none'}`.
fn is_policy_variable(inside: &str) -> bool {
    let name = inside.split(',').next().unwrap_or_default().trim();
    name.split_once(':').is_some_and(|(service, _)| {
        if OF_TOOLS.contains(&service) {
            return false;
        }
        service.contains('.')
            || service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            || matches!(service, "SAML" | "AWS")
    }) && !name.contains("::")
}

fn is_name(inside: &str) -> bool {
    !inside.is_empty()
        && inside.trim() == inside
        && inside.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c))
        && inside.contains(|c: char| c.is_ascii_alphabetic())
}

/// `$account_id`
fn shell_variable(text: &str) -> Option<usize> {
    let name = text.strip_prefix('$')?;
    let name = &name[..name.floor_char_boundary(LONGEST)];
    let name =
        &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len())];
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins.then_some(1 + name.len())
}

/// `%s`, `%[1]s`, `%(account)s`: of `printf`, and none of URL encoding's.
fn verb(text: &str, before: Option<char>) -> Option<usize> {
    let rest = text.strip_prefix('%')?;
    let inside = [('[', ']'), ('(', ')')].iter().find_map(|(open, close)| {
        let inside = rest.strip_prefix(*open)?;
        let end = inside[..inside.floor_char_boundary(40)].find(*close)?;
        Some(end + 2)
    });
    let inside = inside.unwrap_or(0);
    let verb = rest[inside..].chars().next()?;
    let next = rest[inside + verb.len_utf8()..].chars().next();
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_verb = matches!(verb, 's' | 'v' | 'q') || (verb == 'd' && !is_word(next));
    (is_verb && !(is_word(before) && is_word(next))).then_some(1 + inside + verb.len_utf8())
}

/// `__ACCOUNT_ID__`, `@ACCOUNT_ID@`, `@@ACCOUNT_ID@@`, `%%ACCOUNT_ID%%`
fn marked(text: &str, mark: &str) -> Option<usize> {
    let inside = text.strip_prefix(mark)?;
    let end = inside[..inside.floor_char_boundary(80)].find(mark).filter(|end| *end > 1)?;
    if inside[end + mark.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    inside[..end].chars().all(is_name).then_some(2 * mark.len() + end)
}

/// A word that is shouted, and asks for one of the reader's own.
pub(super) fn is_placeholder_word(word: &str) -> bool {
    const WORDS: [&str; 12] = [
        "ACCOUNT_ID",
        "AWS_ACCOUNT_ID",
        "ACCOUNTID",
        "AWS_ACCOUNT",
        "OIDC_PROVIDER",
        "OIDC_ID",
        "OIDC_ISSUER",
        "PROVIDER_URL",
        "SERVICE_ACCOUNT_NAME",
        "BUCKET_NAME",
        "CLUSTER_NAME",
        "AWS_REGION",
    ];
    let upper = word.to_ascii_uppercase().replace('-', "_");
    let is_shouted = word == word.to_ascii_uppercase();
    let is_word = is_shouted
        && (upper.starts_with("YOUR_")
            || upper.ends_with("_ARN")
            || WORDS.contains(&upper.as_str())
            || (word.len() > 3 && word.chars().all(|c| c == 'X')));
    is_word || (word.len() >= 8 && word.chars().all(|c| c == 'x'))
}

/// `OIDC_PROVIDER_ARN`, where something is wanted that never looks like that.
pub(super) fn is_shouted_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.split(['_', '-']).all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        parts(text).into_iter().map(|part| &text[part]).collect()
    }

    #[test]
    fn knows_what_somebody_was_to_fill_in() {
        for (text, wanted) in [
            ("${provider_arn}", vec!["${provider_arn}"]),
            ("${var.issuer}:sub", vec!["${var.issuer}"]),
            ("${AWS::AccountId}", vec!["${AWS::AccountId}"]),
            ("%{provider}", vec!["%{provider}"]),
            ("{{ .Values.role }}", vec!["{{ .Values.role }}"]),
            ("${{ values.role }}", vec!["${{ values.role }}"]),
            ("arn:aws:iam::%s:oidc-provider/%s", vec!["%s", "%s"]),
            ("%[1]s:sub", vec!["%[1]s"]),
            ("%(issuer)s:sub", vec!["%(issuer)s"]),
            ("arn:aws:iam::<account>:role/x", vec!["<account>"]),
            ("arn:aws:iam::$ACCOUNT:role/x", vec!["$ACCOUNT"]),
            ("id/[OIDC_ID]:sub", vec!["[OIDC_ID]"]),
            ("arn:aws:iam::ACCOUNT_ID:role/x", vec!["ACCOUNT_ID"]),
            ("__ACCOUNT__:__NS__", vec!["__ACCOUNT__", "__NS__"]),
            ("@@ACCOUNT@@:@ACCOUNT@", vec!["@@ACCOUNT@@", "@ACCOUNT@"]),
            ("%%ISSUER%%:sub", vec!["%%ISSUER%%"]),
            ("$(ISSUER):sub", vec!["$(ISSUER)"]),
            ("((issuer)):sub", vec!["((issuer))"]),
            ("<<issuer>>:sub", vec!["<<issuer>>"]),
            ("{issuer}:sub", vec!["{issuer}"]),
            ("arn:aws:iam::{account-id}:role/x", vec!["{account-id}"]),
            ("{provider}:sub", vec!["{provider}"]),
            ("((provider-arn))", vec!["((provider-arn))"]),
            ("system:serviceaccount:$(NS):x", vec!["$(NS)"]),
            ("${env:PROVIDER}", vec!["${env:PROVIDER}"]),
            ("${self:custom.oidc}:sub", vec!["${self:custom.oidc}"]),
            ("arn:aws:iam::xxxxxxxxxxxx:role/x", vec!["xxxxxxxxxxxx"]),
            ("OIDC_PROVIDER_ARN", vec!["OIDC_PROVIDER_ARN"]),
            ("arn:aws:s3:::YOUR_BUCKET/*", vec!["YOUR_BUCKET"]),
        ] {
            assert_eq!(found(text), wanted, "{text}");
        }
        for text in [
            "arn:aws:s3:::b/${aws:username}/*",
            "${aws:PrincipalTag/team, 'none'}",
            "${oidc.eks.eu-west-1.amazonaws.com/id/X:sub}",
            "${*}",
            "100%",
            "a%20b%2Fc%dd",
            "system:serviceaccount:demo:app-[0-9]",
            "a < b > c",
            "{a,b}",
            "{\"a\": 1}",
            "a (b)",
            "TEAM_A",
            "f(x)",
            "",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn cost_is_linear() {
        for piece in ["{{", "${", "<", "[a", "__A", "%(", "@", "X"] {
            let of = |size| piece.repeat(size);
            crate::cost::assert_linear(piece, 10_000, of, |text| {
                parts(text);
            });
        }
    }
}
