//! A value of a policy, with its variables and wildcards.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use crate::glob::Piece;
use crate::policy::{Text, UNKNOWN};
use crate::request::{Known, WebIdentityRequest};
use crate::simulate::NOT_HERE;

/// What `${...}` in a value stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Variables<'a> {
    /// Itself: the policy's version has no variables.
    Literal,
    /// What only AWS knows.
    Unknown,
    /// What the request has.
    Of(&'a WebIdentityRequest),
}

/// A value, taken apart.
pub(super) struct Value {
    /// [`Piece::Any`] also stands for a part that is not known.
    pub(super) pieces: Vec<Piece>,
    /// Why part of it is not known.
    pub(super) unknown: Option<String>,
}

/// A variable in a value.
enum Variable {
    Text(String),
    Unknown(String),
    /// The request has no such key, and there is no default.
    Absent,
}

impl Value {
    /// Nothing where the request lacks a key that a variable names: such a value matches
    /// nothing.
    pub(super) fn new(wanted: &Text, variables: Variables, wildcards: bool) -> Option<Self> {
        let known = wanted.known();
        let mut value = Self { pieces: Vec::with_capacity(known.len()), unknown: None };
        let mut rest: &str = &known;
        // Looked for once where there is none: a value may be long.
        let mut closes = true;
        while let Some(c) = rest.chars().next() {
            let opened = match variables {
                Variables::Literal => None,
                _ => rest.strip_prefix("${").filter(|_| closes),
            };
            let inside = opened.and_then(|inside| inside.split_once('}'));
            closes &= opened.is_none() || inside.is_some();
            if let Some((name, behind)) = inside {
                match variable(name, variables) {
                    Variable::Text(text) => value.pieces.extend(text.chars().map(Piece::One)),
                    Variable::Unknown(why) => value.doubt(why),
                    Variable::Absent => return None,
                }
                rest = behind;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            match c {
                UNKNOWN if !wanted.is_known() => value.doubt(NOT_HERE.to_owned()),
                '$' if !closes && rest.starts_with('{') => {
                    value.doubt("the policy variable has no closing brace".to_owned());
                    return Some(value);
                }
                c if wildcards => value.pieces.push(Piece::from_char(c)),
                c => value.pieces.push(Piece::One(c)),
            }
        }
        Some(value)
    }

    fn doubt(&mut self, why: String) {
        self.pieces.push(Piece::Any);
        self.unknown.get_or_insert(why);
    }
}

/// `inside` is what stands between the braces.
fn variable(inside: &str, variables: Variables) -> Variable {
    if matches!(inside, "*" | "?" | "$") {
        return Variable::Text(inside.to_owned());
    }
    if inside.contains(UNKNOWN) {
        return Variable::Unknown(NOT_HERE.to_owned());
    }
    let (name, default) = match inside.split_once(',') {
        Some((name, default)) => (name, Some(default.trim())),
        None => (inside, None),
    };
    let malformed = || {
        Variable::Unknown(format!(
            "${{{inside}}} is not written as IAM documents variables: ${{KEY}} or ${{KEY, 'DEFAULT'}}"
        ))
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return malformed();
    }
    let default = match default {
        Some(quoted) => {
            let text = quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let Some(text) = text else { return malformed() };
            Some(text)
        }
        None => None,
    };
    let Variables::Of(request) = variables else {
        return Variable::Unknown(format!("only AWS knows the policy variable ${{{inside}}}"));
    };
    let several =
        || Variable::Unknown(format!("{name} has several values: it can't be a variable"));
    match request.key(name) {
        Known::Absent => default.map_or(Variable::Absent, |text| Variable::Text(text.to_owned())),
        Known::Values(values) => match values.as_slice() {
            [] => default.map_or(Variable::Absent, |text| Variable::Text(text.to_owned())),
            [value] => Variable::Text(value.clone()),
            _ => several(),
        },
        Known::OneOf(..) => several(),
        Known::Unknown(why) | Known::Present(why) => Variable::Unknown(why),
    }
}
