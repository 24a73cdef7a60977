//! Condition operators, as IAM documents them.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::cmp::Ordering;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

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
    /// Of addresses and bytes: recognized, not evaluated.
    Other,
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
    ("BinaryEquals", Test::Other, false),
    ("IpAddress", Test::Other, false),
    ("NotIpAddress", Test::Other, true),
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

    /// Whether it is `StringLike`, with or without a modifier.
    pub(super) fn is_like(self) -> bool {
        self.test == Test::Like && !self.negated
    }

    /// Whether it holds where the value is another.
    pub(super) fn is_negated(self) -> bool {
        self.negated
    }

    /// Whether it holds where the request has no such key.
    pub(super) fn holds_without_key(self) -> bool {
        self.if_exists || (self.negated && self.set.is_none()) || self.set == Some(Set::All)
    }

    /// The operator against what the request has. With `variables`, `${...}`
    /// in a wanted value is a policy variable.
    pub(super) fn evaluate(self, wanted: &[&Text], known: &Known, variables: bool) -> Truth {
        let values = match known {
            Known::Unknown(why) => return Truth::Unknown(why.clone()),
            Known::Absent if self.test == Test::Null => return null(wanted, true),
            Known::Values(_) if self.test == Test::Null => return null(wanted, false),
            Known::Absent => return Truth::from(self.holds_without_key()),
            Known::Values(values) => values,
        };
        let one = |value: &String| {
            let any = Truth::any(wanted.iter().map(|wanted| self.passes(wanted, value, variables)));
            if self.negated { any.not() } else { any }
        };
        match (self.set, values.as_slice()) {
            (Some(Set::Any), values) => Truth::any(values.iter().map(one)),
            (Some(Set::All), values) => Truth::all(values.iter().map(one)),
            (None, [value]) => one(value),
            (None, _) => Truth::Unknown(
                "the key has several values; that needs ForAnyValue or ForAllValues".to_owned(),
            ),
        }
    }
}

impl Operator {
    fn passes(self, wanted: &Text, value: &str, variables: bool) -> Truth {
        if wanted.is_known() {
            return self.test.passes(&wanted.value, value, variables);
        }
        // What is known of it may rule it out already.
        let literal = self.test == Test::Equals && !(variables && wanted.known().contains("${"));
        if literal && !wanted.may_be(value) { Truth::False } else { not_here() }
    }
}

impl Test {
    fn passes(self, wanted: &str, value: &str, variables: bool) -> Truth {
        let pieces = match pieces(wanted, variables, matches!(self, Self::Like | Self::Arn)) {
            Ok(pieces) => pieces,
            Err(why) => return Truth::Unknown(why),
        };
        let literal = || {
            pieces.iter().filter_map(|piece| match piece {
                Piece::One(c) => Some(*c),
                _ => None,
            })
        };
        match self {
            Self::Equals => literal().eq(value.chars()).into(),
            Self::EqualsIgnoreCase => {
                let wanted: String = literal().collect();
                (wanted.to_lowercase() == value.to_lowercase()).into()
            }
            Self::Like => Pattern::from_pieces(pieces).matches(value).into(),
            Self::Arn => arn_matches(&pieces, value).into(),
            Self::Bool => wanted.eq_ignore_ascii_case(value).into(),
            Self::Number(comparison) => match (wanted.parse::<f64>(), value.parse::<f64>()) {
                (Ok(wanted), Ok(value)) => comparison.holds(value.partial_cmp(&wanted)),
                _ => Truth::Unknown(format!("{wanted:?} or {value:?} is not a number")),
            },
            Self::Date(comparison) => match (date(wanted), date(value)) {
                (Some(wanted), Some(value)) => comparison.holds(Some(value.cmp(&wanted))),
                _ => Truth::Unknown(format!("{wanted:?} or {value:?} is not a date")),
            },
            Self::Other | Self::Null => Truth::Unknown(
                "operators for addresses and bytes are not evaluated here".to_owned(),
            ),
        }
    }
}

impl Comparison {
    fn holds(self, order: Option<Ordering>) -> Truth {
        let Some(order) = order else { return Truth::False };
        let holds = match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        };
        holds.into()
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

/// A wanted value, taken apart. `${*}`, `${?}` and `${$}` are those characters.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn pieces(wanted: &str, variables: bool, wildcards: bool) -> Result<Vec<Piece>, String> {
    let piece = |c| if wildcards { Piece::from_char(c) } else { Piece::One(c) };
    let mut pieces = Vec::with_capacity(wanted.len());
    let mut rest = wanted;
    while let Some(c) = rest.chars().next() {
        if variables && let Some(after) = rest.strip_prefix("${") {
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            match name {
                "*" => pieces.push(Piece::One('*')),
                "?" => pieces.push(Piece::One('?')),
                "$" => pieces.push(Piece::One('$')),
                _ => return Err(format!("only AWS knows the policy variable ${{{name}}}")),
            }
            rest = behind;
        } else {
            pieces.push(piece(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(pieces)
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

/// ISO 8601, a day of it, or seconds since 1970.
fn date(text: &str) -> Option<Timestamp> {
    let at_midnight = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let seconds = || text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds().or_else(|| text.parse().ok()).or_else(|| text.parse().ok().and_then(at_midnight))
}
