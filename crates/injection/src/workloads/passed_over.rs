//! What is left unchanged, and what is said of it.

use std::fmt;

use super::shape::MAX_DEPTH;

/// An object, or a part of one, that is left unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The object's kind and name, for people: `Service app`.
    pub object: String,
    /// Why it is left unchanged.
    pub why: Why,
}

/// Why an object is left unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A built-in kind that makes no pods.
    MakesNone,
    /// A built-in kind that makes pods of a template, which is missing here. The value is its path.
    NoTemplate(String),
    /// Nothing in the object has the shape of a pod template. The value is the path of
    /// what hints at pods, if anything does: an image, or the name of a `ServiceAccount`.
    NoShape(Option<String>),
    /// A pod template has containers without an image. The value is its path.
    IncompleteContainers(String),
    /// A pod template does not name the `ServiceAccount` that something around it names.
    OtherServiceAccount {
        /// The path of the template.
        template: String,
        /// The path of the other name.
        named: String,
    },
    /// The object is nested too deeply to be searched whole.
    TooDeep,
}

impl PassedOver {
    /// Whether this may make pods, and says so: whoever reads the output has to know.
    #[must_use]
    pub fn hints_at_pods(&self) -> bool {
        !matches!(self.why, Why::MakesNone | Why::NoShape(None))
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, why } = self;
        if *why == Why::MakesNone {
            return write!(f, "{object}: makes no pods");
        }
        write!(f, "{object}: can't say what pods it makes: ")?;
        match why {
            Why::MakesNone => Ok(()),
            Why::NoTemplate(at) => write!(f, "{at} is missing; add it"),
            Why::NoShape(None) => write!(f, "it has no pod template"),
            Why::NoShape(Some(at)) => write!(f, "{at} is outside a pod template"),
            Why::IncompleteContainers(at) => write!(f, "{at} has containers without an image"),
            Why::OtherServiceAccount { template, named } => {
                write!(f, "{named} is another ServiceAccount than that of {template}")
            }
            Why::TooDeep => {
                write!(f, "it has more than {MAX_DEPTH} levels, or names that are too long")
            }
        }
    }
}
