//! Condition operators, as IAM documents them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

pub(super) mod typed;
mod value;

use std::cmp::Ordering;
use std::slice;

use jiff::Timestamp;

use typed::Network;
use value::Value;
pub(super) use value::Variables;

use super::glob::{Pattern, Piece};
use super::near::nearest;
use super::policy::Text;
use super::request::Known;
use super::simulate::not_here;

/// An operator with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    set: Option<Set>,
    pub(super) test: Test,
    negated: bool,
    if_exists: bool,
}

/// How many of the request's values must pass.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Number(Comparison),
    Date(Comparison),
    Address,
    Bytes,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Yes, no, or why nobody can say here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown(String),
}

/// The operators without modifiers: name, test, whether negated.
const OPERATORS: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::Equals, false),
    ("StringNotEquals", Test::Equals, true),
    ("StringEqualsIgnoreCase", Test::EqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::EqualsIgnoreCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Bool", Test::Bool, false),
    ("NumericEquals", Test::Number(Comparison::Equal), false),
    ("NumericNotEquals", Test::Number(Comparison::Equal), true),
    ("NumericLessThan", Test::Number(Comparison::Less), false),
    ("NumericLessThanEquals", Test::Number(Comparison::LessOrEqual), false),
    ("NumericGreaterThan", Test::Number(Comparison::Greater), false),
    ("NumericGreaterThanEquals", Test::Number(Comparison::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Comparison::Equal), false),
    ("DateNotEquals", Test::Date(Comparison::Equal), true),
    ("DateLessThan", Test::Date(Comparison::Less), false),
    ("DateLessThanEquals", Test::Date(Comparison::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Comparison::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Comparison::GreaterOrEqual), false),
    ("BinaryEquals", Test::Bytes, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// # Errors
    /// A name that is none; with the one that was likely meant.
    pub(super) fn parse(name: &str) -> Result<Self, Option<String>> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some((other, rest)) => {
                let meant = nearest(other, &["ForAnyValue", "ForAllValues"]);
                return Err(meant.map(|meant| format!("{meant}:{rest}")));
            }
            None => (None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) if base != "Null" => (base, true),
            _ => (rest, false),
        };
        let found = OPERATORS.iter().find(|(name, ..)| *name == base);
        let Some(&(_, test, negated)) = found else {
            let names: Vec<&str> = OPERATORS.iter().map(|(name, ..)| *name).collect();
            let prefix = name.strip_suffix(rest).unwrap_or_default();
            let suffix = if if_exists { "IfExists" } else { "" };
            let meant = nearest(base, &names);
            return Err(meant.map(|meant| format!("{prefix}{meant}{suffix}")));
        };
        Ok(Self { set, test, negated, if_exists })
    }

    /// Whether wildcards in its values are wildcards.
    pub(super) fn takes_wildcards(self) -> bool {
        matches!(self.test, Test::Like | Test::Arn)
    }

    /// Whether a value names a variable that the request lacks.
    pub(super) fn lacks_variable(self, wanted: &Text, variables: Variables) -> bool {
        self.test.is_of_text() && Value::new(wanted, variables, false).is_none()
    }

    /// Whether it is `StringLike`, with or without a modifier.
    pub(super) fn is_like(self) -> bool {
        self.test == Test::Like && !self.negated
    }

    /// Whether it tests that the request has the key.
    pub(super) fn is_null(self) -> bool {
        self.test == Test::Null
    }

    /// Whether it holds where the value is another.
    pub(super) fn is_negated(self) -> bool {
        self.negated
    }

    /// Whether it holds where the request has no such key.
    pub(super) fn holds_without_key(self) -> bool {
        self.if_exists || (self.negated && self.set.is_none()) || self.set == Some(Set::All)
    }

    /// The operator against what the request has.
    pub(super) fn evaluate(self, wanted: &[&Text], known: &Known, variables: Variables) -> Truth {
        // Whatever the request has.
        match self.set {
            Some(Set::All) if self.test == Test::Null => return Truth::True,
            Some(Set::Any) if self.test == Test::Null => return Truth::False,
            _ => {}
        }
        match known {
            Known::Values(values) => self.of_values(wanted, values, variables),
            Known::Absent => self.of_values(wanted, &[], variables),
            Known::OneOf(values, why) => {
                let alone = values.iter().map(slice::from_ref);
                // Only a qualifier makes sense of several at once: else one of them is the value.
                let together = self.set.map(|_| values.as_slice());
                let each = alone.chain(together);
                Truth::agreed(each.map(|values| self.of_values(wanted, values, variables)), why)
            }
            Known::Present(why) => self.of_anything(wanted, why),
            Known::Unknown(why) => {
                let absent = self.of_values(wanted, &[], variables);
                Truth::agreed([self.of_anything(wanted, why), absent], why)
            }
        }
    }

    /// Of a key that has a value, which is not known.
    fn of_anything(self, wanted: &[&Text], why: &str) -> Truth {
        if self.test == Test::Null {
            return null(wanted, false);
        }
        let is_all = |text: &Text| {
            text.is_known() && !text.value.is_empty() && text.value.chars().all(|c| c == '*')
        };
        if self.test == Test::Like && wanted.iter().any(|text| is_all(text)) {
            return (!self.negated).into();
        }
        Truth::Unknown(why.to_owned())
    }

    /// Of what the request has: no value where it has no such key.
    fn of_values(self, wanted: &[&Text], values: &[String], variables: Variables) -> Truth {
        if self.test == Test::Null {
            return null(wanted, values.iter().all(String::is_empty));
        }
        if values.is_empty() {
            return self.holds_without_key().into();
        }
        let one = |value: &String| {
            let any = Truth::any(wanted.iter().map(|wanted| self.passes(wanted, value, variables)));
            if self.negated { any.not() } else { any }
        };
        let Some(set) = self.set else {
            let any = Truth::any(values.iter().map(one));
            return match values {
                [_] => any,
                // Not even one does.
                _ if any == Truth::False => any,
                _ => Truth::Unknown(
                    "the key has several values; that needs ForAnyValue or ForAllValues".to_owned(),
                ),
            };
        };
        // Empty values are none to a set operator.
        let mut values = values.iter().filter(|value| !value.is_empty()).peekable();
        match set {
            Set::Any => Truth::any(values.map(one)),
            Set::All if values.peek().is_none() => Truth::True,
            Set::All => Truth::all(values.map(one)),
        }
    }

    fn passes(self, wanted: &Text, value: &str, variables: Variables) -> Truth {
        let is_text = self.test.is_of_text();
        if !is_text && !wanted.is_known() {
            return not_here();
        }
        // What a range that is no one address holds is not in the policy's range, nor outside it.
        if self.test == Test::Address && value.contains('/') && Network::read(value).is_some() {
            return Truth::Unknown(format!("{value:?} of the request is not an IP address"));
        }
        let takes_variables = is_text || self.test == Test::Bool;
        if !takes_variables {
            return self.test.holds(&wanted.value, value).into();
        }
        let Some(read) = Value::new(wanted, variables, self.takes_wildcards()) else {
            return Truth::False;
        };
        if self.test == Test::Bool {
            return boolean_matches(wanted, &read, value);
        }
        let matches = match self.test {
            Test::EqualsIgnoreCase => ignoring_case(read.pieces, value),
            // A part that is not known may hold colons.
            Test::Arn if read.unknown.is_none() => arn_matches(&read.pieces, value),
            _ => Pattern::from_pieces(read.pieces).matches(value),
        };
        match read.unknown {
            // What is known of it rules it out already.
            _ if !matches => Truth::False,
            Some(why) => Truth::Unknown(why),
            None => Truth::True,
        }
    }
}

impl Test {
    /// Whether it compares text, in which variables may be.
    fn is_of_text(self) -> bool {
        matches!(self, Self::Equals | Self::EqualsIgnoreCase | Self::Like | Self::Arn)
    }

    /// Whether a value is of the type that it compares: a number, a time, ... What is not
    /// matches nothing.
    pub(super) fn takes(self, value: &str) -> bool {
        match self {
            Self::Equals | Self::EqualsIgnoreCase | Self::Like | Self::Arn => true,
            Self::Bool | Self::Null => typed::boolean(value).is_some(),
            Self::Number(_) => typed::number(value).is_some(),
            Self::Date(_) => typed::time(value).is_some(),
            Self::Address => Network::read(value).is_some(),
            Self::Bytes => typed::bytes(value).is_some(),
        }
    }

    /// What a value has to be, for people.
    pub(super) fn wants(self) -> &'static str {
        match self {
            Self::Equals | Self::EqualsIgnoreCase | Self::Like => "text",
            Self::Arn => "an ARN",
            Self::Bool | Self::Null => "true or false",
            Self::Number(_) => "a number",
            Self::Date(_) => "a time, such as 2026-01-01T00:00:00Z",
            Self::Address => "an IP address or a CIDR range",
            Self::Bytes => "Base64",
        }
    }

    /// For those that compare no text.
    fn holds(self, wanted: &str, value: &str) -> bool {
        let holds = || match self {
            Self::Number(comparison) => {
                let (wanted, value) = (typed::number(wanted)?, typed::number(value)?);
                value.partial_cmp(&wanted).map(|order| comparison.holds(order))
            }
            Self::Date(comparison) => {
                let (wanted, value) = (typed::time(wanted)?, typed::time(value)?);
                Some(comparison.holds(value.cmp(&wanted)))
            }
            Self::Address => Some(Network::read(wanted)?.contains(value.parse().ok()?)),
            Self::Bytes => {
                let wanted = typed::bytes(wanted)?;
                // Who asks may write the bytes as they are, or in Base64 as the policy does.
                Some(wanted == value.as_bytes() || typed::bytes(value)? == wanted)
            }
            _ => None,
        };
        holds().unwrap_or(false)
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Truth {
    pub(super) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown @ Self::Unknown(_) => unknown,
        }
    }

    /// What is true whichever it is, or why that is not known.
    fn agreed(truths: impl IntoIterator<Item = Truth>, why: &str) -> Truth {
        let mut truths = truths.into_iter();
        let first = truths.next();
        match first {
            Some(first) if truths.all(|truth| truth == first) => first,
            _ => Truth::Unknown(why.to_owned()),
        }
    }

    /// True where one is; else unknown where one is.
    pub(super) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        let mut so_far = Self::False;
        for truth in all {
            match truth {
                Self::True => return Self::True,
                unknown @ Self::Unknown(_) => so_far = unknown,
                Self::False => {}
            }
        }
        so_far
    }

    /// False where one is; else unknown where one is.
    pub(super) fn all(all: impl IntoIterator<Item = Self>) -> Self {
        Self::any(all.into_iter().map(Self::not)).not()
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// `Null` with `true` holds where the key is absent, with `false` where it is not.
fn null(wanted: &[&Text], absent: bool) -> Truth {
    Truth::any(wanted.iter().map(|wanted| {
        if !wanted.is_known() {
            return not_here();
        }
        wanted.value.eq_ignore_ascii_case(if absent { "true" } else { "false" }).into()
    }))
}

/// The pages disagree on whether `Bool` takes variables.
fn boolean_matches(wanted: &Text, read: &Value, value: &str) -> Truth {
    let text: Option<String> = read
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::One(c) => Some(*c),
            _ => None,
        })
        .collect();
    let Some(text) = text else {
        return read.unknown.clone().map_or(Truth::False, Truth::Unknown);
    };
    let holds = typed::boolean(&text).is_some_and(|it| typed::boolean(value) == Some(it));
    if holds && text != wanted.value {
        let why = "IAM's documentation is of two minds about policy variables under Bool";
        return Truth::Unknown(why.to_owned());
    }
    holds.into()
}

fn ignoring_case(pieces: Vec<Piece>, value: &str) -> bool {
    let lower = |piece| match piece {
        Piece::One(c) => c.to_lowercase().map(Piece::One).collect(),
        other => vec![other],
    };
    let pieces = pieces.into_iter().flat_map(lower).collect();
    Pattern::from_pieces(pieces)
        .matches(&value.chars().flat_map(char::to_lowercase).collect::<String>())
}

/// The seconds since 1970 of a time that somebody gives, by whatever form of it.
pub(super) fn seconds_of_time(text: &str) -> Option<i64> {
    typed::time(text).map(Timestamp::as_second)
}

/// Each of an ARN's six parts by itself: a wildcard does not reach over a colon.
fn arn_matches(pattern: &[Piece], value: &str) -> bool {
    let parts: Vec<&[Piece]> = pattern.splitn(6, |piece| *piece == Piece::One(':')).collect();
    let values: Vec<&str> = value.splitn(6, ':').collect();
    parts.len() == 6
        && values.len() == 6
        && parts
            .iter()
            .zip(values)
            .all(|(part, value)| Pattern::from_pieces(part.to_vec()).matches(value))
}
