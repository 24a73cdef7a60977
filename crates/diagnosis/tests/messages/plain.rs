//! Audits and surveys as plain text, all of it: how the program lays them out is its own business.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diagnosis::{Audit, AuditedPod, Check, Survey, SurveyedAccount};

pub(super) fn audit(audit: &Audit) -> String {
    let mut text = String::new();
    let width = audit.found.iter().map(|it| it.state.as_str().len()).max().unwrap_or_default();
    for AuditedPod { namespace, pod, owner, state, why, next, .. } in &audit.found {
        let (state, owner) = (state.as_str(), owner.object());
        writeln!(text, "{state:width$}  {namespace}/{pod} of {owner}  {why}").unwrap();
        if !next.is_empty() {
            writeln!(text, "{:width$}  next: {next}", "").unwrap();
        }
    }
    for note in &audit.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    writeln!(text, "{}", audit.summary()).unwrap();
    text
}

pub(super) fn survey(survey: &Survey) -> String {
    let mut text = String::new();
    let mut write = |whose: &str, check: &Check| {
        let Check { id, status, seen, next, .. } = check;
        writeln!(text, "{:7}  {whose}{id}: {seen}", status.word()).unwrap();
        if let Some(next) = next {
            writeln!(text, "{:7}  next: {next}", "").unwrap();
        }
    };
    survey.checks.iter().for_each(|check| write("", check));
    for SurveyedAccount { namespace, name, checks, .. } in &survey.service_accounts {
        for check in checks {
            write(&format!("{namespace}/{name}  "), check);
        }
    }
    let mut counts = BTreeMap::new();
    for SurveyedAccount { namespace, name, result, pods, checks } in &survey.service_accounts {
        *counts.entry(result.word()).or_insert(0) += 1;
        if checks.is_empty() {
            let states: Vec<_> =
                pods.iter().map(|(state, count)| format!("{count} {}", state.as_str())).collect();
            writeln!(text, "{:7}  {namespace}/{name}  pods: {states:?}", result.word()).unwrap();
        }
    }
    for note in &survey.notes {
        writeln!(text, "{:7}  {note}", "note").unwrap();
    }
    writeln!(text, "{counts:?}").unwrap();
    text
}
