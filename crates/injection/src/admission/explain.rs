//! An admission in words: what every container gets, what not, and why. It
//! reads the plan that the patch is made of, so that the two can't differ.

use std::collections::HashSet;
use std::fmt;

use text::near::nearest;
use text::{Line as OneLine, shortened};

use super::{AdmissionSettings, Candidate};
use crate::identity::{Identity, Lookup, MAX_VALUE_BYTES, Observed, each_container_name};
use crate::mutation::{
    ContainerPlan, EnvSource, Jitter, LABEL, LABEL_VALUE, Mounted, Plan, Problem, Variables,
    Verdict,
};

/// The most names of each annotation that are said to be no container's.
const MOST_NAMES: usize = 16;

/// What an admission does to a pod, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Where the identity comes from, or why there is none.
    pub identity: String,
    /// The containers in the pod's order, then the ones that annotations leave
    /// out, then the pod itself.
    pub parts: Vec<Part>,
}

/// What happens to one container, or to the pod itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The list and the container's name (`containers app`), or `pod`.
    pub name: String,
    /// What is added to it and what is not, one item a line.
    pub lines: Vec<Line>,
}

/// One variable, mount, volume or label, and what happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it is added.
    pub mark: Mark,
    /// The name of the variable, mount, volume or label.
    pub what: String,
    /// Its value, or why it is not added.
    pub why: String,
}

/// Whether an item is added to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is missing, and the patch adds it.
    Added,
    /// It is there already, and stays.
    There,
    /// It is not added, and the line's `why` says why.
    NotAdded,
    /// For this reason the container runs as somebody else, or as nobody.
    Problem,
    /// Whether the container has a usable identity depends on it, and nobody
    /// knows it before the container runs.
    NotKnown,
}

impl Candidate<'_> {
    /// Explains what [`admit`](Self::admit) does with the same arguments.
    #[must_use]
    pub fn explain(
        &self,
        lookup: &Lookup,
        policy: &AdmissionSettings,
        jitter: Jitter,
    ) -> Explanation {
        let explained = self.planned(lookup, policy, jitter, |identity, plan| {
            let from = origin(lookup, policy);
            let text = match identity {
                Identity::WebIdentity(web) => format!("role {}, from {from}", web.role_arn),
                Identity::ContainerCredentials(_) => format!("container credentials, from {from}"),
            };
            let mut parts = parts(plan, policy);
            if let Some(pod) = parts.last_mut() {
                pod.lines.extend(self.unknown_names(policy));
            }
            Explanation { identity: text, parts }
        });
        match explained {
            Err(failed) => Explanation::none(format!("unknown: {failed}")),
            Ok(None) => Explanation::none(self.why_not(lookup, policy)),
            Ok(Some(explanation)) => explanation,
        }
    }

    /// What the annotations list that is no container of the pod. Another webhook may add one of that name
    /// later, so that nothing is said of it at admission.
    fn unknown_names(&self, policy: &AdmissionSettings) -> Vec<Line> {
        let known: Vec<&str> = self.pod.container_names().collect();
        let all: HashSet<&str> = known.iter().copied().collect();
        let keys = &policy.settings.keys;
        let mut lines = Vec::new();
        for key in [&keys.skip_containers, &keys.include_containers] {
            let Some(value) = self.pod.annotation(key) else { continue };
            let mut unknown = Vec::new();
            // What can't be read is reported as that.
            let _ = each_container_name(key, &value, |name| {
                if unknown.len() < MOST_NAMES && !all.contains(name) {
                    unknown.push(name.to_owned());
                }
            });
            lines.extend(unknown.iter().map(|name| {
                let meant = nearest(name, &known).map(|it| format!("; did you mean {it:?}?"));
                Line {
                    mark: Mark::NotAdded,
                    what: format!("annotation {key}"),
                    why: format!(
                        "no container here is named {:?}{}",
                        shortened(name, 63),
                        meant.unwrap_or_default()
                    ),
                }
            }));
        }
        lines
    }

    fn why_not(&self, lookup: &Lookup, policy: &AdmissionSettings) -> String {
        if let Observed::Known(sa) = &lookup.service_account
            && sa.has_oversized_role
        {
            return format!(
                "none: ServiceAccount {} has a {} longer than {MAX_VALUE_BYTES} bytes",
                self.key, policy.settings.keys.role_arn
            );
        }
        format!(
            "none: ServiceAccount {} does not exist or has no annotation {}, and no other source \
             names it",
            self.key, policy.settings.keys.role_arn
        )
    }
}

impl Explanation {
    fn none(identity: String) -> Self {
        Self { identity, parts: Vec::new() }
    }
}

impl Mark {
    /// The character that a line begins with: `+` added, `=` there already, `-` not added,
    /// `!` a problem, `?` not known.
    #[must_use]
    pub(crate) fn as_char(self) -> char {
        match self {
            Self::Added => '+',
            Self::There => '=',
            Self::NotAdded => '-',
            Self::Problem => '!',
            Self::NotKnown => '?',
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", OneLine(format_args!("  identity: {}", self.identity)))?;
        for part in &self.parts {
            write!(f, "{}", OneLine(format_args!("  {}", part.name)))?;
            let width = part.lines.iter().map(|line| line.what.chars().count()).max();
            for Line { mark, what, why } in &part.lines {
                let mark = mark.as_char();
                let width = width.unwrap_or_default();
                let line = format_args!("    {mark} {what:width$}  {why}");
                write!(f, "{}", OneLine(line))?;
            }
        }
        Ok(())
    }
}

fn origin(lookup: &Lookup, policy: &AdmissionSettings) -> String {
    if lookup.container_credentials {
        return "the container credentials file".to_owned();
    }
    match &lookup.service_account {
        Observed::Known(sa) if sa.role.is_some() => {
            format!("the ServiceAccount's annotation {}", policy.settings.keys.role_arn)
        }
        _ => "the ConfigMap".to_owned(),
    }
}

fn parts(plan: &Plan<'_>, policy: &AdmissionSettings) -> Vec<Part> {
    let containers = plan.containers().map(|container| Part {
        name: format!("{} {}", container.list.as_str(), container.name),
        lines: lines(container, plan, policy),
    });
    let left_out = plan.left_out.iter().map(|(list, name)| Part {
        name: format!("{} {name}", list.as_str()),
        lines: vec![Line {
            mark: Mark::NotAdded,
            what: "everything".to_owned(),
            why: "left out by the pod's annotation skip-containers or include-containers"
                .to_owned(),
        }],
    });
    let mut parts: Vec<_> = containers.chain(left_out).collect();
    parts.push(Part { name: "pod".to_owned(), lines: of_the_pod(plan) });
    parts
}

fn lines(container: &ContainerPlan<'_>, plan: &Plan<'_>, policy: &AdmissionSettings) -> Vec<Line> {
    let mut lines = Vec::new();
    for (variables, verdict) in Variables::ALL.into_iter().zip(container.verdicts) {
        match verdict {
            Verdict::Added => {
                lines.extend(plan.variables(variables).iter().map(|variable| Line {
                    mark: Mark::Added,
                    what: variable.name.to_owned(),
                    why: match &variable.source {
                        EnvSource::Value(value) => value.to_string(),
                        EnvSource::PodName => "the pod's name".to_owned(),
                    },
                }));
            }
            Verdict::Own(name) => lines.push(Line {
                mark: Mark::There,
                what: name.to_owned(),
                why: match variables {
                    Variables::Credentials => "set by the container: it keeps its own credentials",
                    _ => "set by the container",
                }
                .to_owned(),
            }),
            Verdict::NotAsked => lines.push(not_asked(variables, policy)),
        }
    }
    let path = plan.mount_path();
    let (mark, why) = match container.mounted {
        Mounted::Nothing => (Mark::Added, format!("{path}, volume {}", plan.volume.name)),
        Mounted::OurVolume => (Mark::There, format!("{path}, the token's volume")),
        Mounted::Taken { by, .. } => {
            (Mark::NotAdded, format!("{path} is the mountPath of volume {by}"))
        }
    };
    lines.push(Line { mark, what: "mount".to_owned(), why });
    let usability = &container.usability;
    lines.extend(usability.problems().filter(Problem::prevents_identity).map(|problem| Line {
        mark: Mark::Problem,
        what: "identity".to_owned(),
        why: format!("{}; {}", problem.what(), problem.advice()),
    }));
    lines.extend(usability.not_known().map(|variable| Line {
        mark: Mark::NotKnown,
        what: variable.to_owned(),
        why: "known only when the container runs".to_owned(),
    }));
    lines
}

fn not_asked(variables: Variables, policy: &AdmissionSettings) -> Line {
    let keys = &policy.settings.keys;
    let (what, why) = match variables {
        Variables::RegionalSts => (
            "AWS_STS_REGIONAL_ENDPOINTS",
            if policy.defaults.regional_sts {
                format!("{} is false", keys.regional_sts)
            } else {
                format!("neither {} nor --sts-regional-endpoint is true", keys.regional_sts)
            },
        ),
        Variables::Region => (
            "AWS_REGION",
            format!("neither {} nor --aws-default-region gives a region", keys.region),
        ),
        // They are what an identity is.
        Variables::Credentials => ("credentials", String::new()),
        Variables::SessionName => (
            "AWS_ROLE_SESSION_NAME",
            format!(
                "{} is not \"pod-name\", or the pod's name is too short or too long",
                keys.role_session_name
            ),
        ),
        Variables::StsEndpoint => (
            "AWS_ENDPOINT_URL_STS",
            format!(
                "neither {} nor --sts-endpoint-url gives an allowed address",
                keys.sts_endpoint_url
            ),
        ),
    };
    Line { mark: Mark::NotAdded, what: what.to_owned(), why }
}

fn of_the_pod(plan: &Plan<'_>) -> Vec<Line> {
    let volume = &plan.volume;
    let what = format!("volume {}", volume.name);
    let mut lines = vec![if volume.add {
        let (audience, seconds) = (volume.audience, volume.expiration.seconds());
        let why = format!("a token for {audience}, {seconds} seconds, at {}", volume.token_path);
        Line { mark: Mark::Added, what, why }
    } else if volume.present {
        Line { mark: Mark::There, what, why: "the pod has it".to_owned() }
    } else {
        Line { mark: Mark::NotAdded, what, why: "no container mounts it".to_owned() }
    }];
    if plan.label.is_some() {
        let what = format!("label {LABEL}");
        lines.push(Line { mark: Mark::Added, what, why: LABEL_VALUE.to_owned() });
    }
    lines
}
