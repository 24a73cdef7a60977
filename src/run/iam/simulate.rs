//! `iam simulate`.

use std::io;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::exit::{Exit, OrMisuse as _};
use super::output::{self, Head, Tone};
use super::report::{self, Kind, Summary, Word};
use crate::cli::{DataFormat, IamSimulateArgs};
use iam::{
    Element, Policy, Reason, StatementName, Verdict, WebIdentityRequest, account_of_role,
    max_session_duration, simulate,
};
use issuer::Token;

pub(super) fn run(args: &IamSimulateArgs) -> anyhow::Result<Exit> {
    let text = super::read(&args.trust_policy)?;
    let policy = Policy::trust_policy_of_file(&args.trust_policy.to_string_lossy(), &text)
        .with_context(|| format!("failed to evaluate {}", args.trust_policy.display()))?;
    let mut request = request(args)?;
    if request.provider_arn.is_none() && !request.has_built_in_provider() {
        let account = account_of_role(&text);
        request.provider_arn = account.map(|(partition, account)| {
            let name = request.provider_name();
            format!("arn:{partition}:iam::{account}:oidc-provider/{name}")
        });
    }
    let mut verdict = simulate(&policy, &request);
    if let Some(seconds) = args.duration_seconds {
        let longest = max_session_duration(&args.trust_policy.to_string_lossy(), &text);
        verdict = verdict.for_session(seconds, longest);
    }
    match args.output.data() {
        None => say(&verdict, &request),
        Some(format) => data(format, &verdict, &request),
    }
    .context("failed to print the verdict")?;
    Ok(match verdict {
        Verdict::Allowed { .. } => Exit::Fine,
        Verdict::Denied { .. } => Exit::Failed,
        Verdict::Unknown { .. } => Exit::Unknown,
    })
}

fn request(args: &IamSimulateArgs) -> anyhow::Result<WebIdentityRequest> {
    let mut request = if let Some(path) = &args.token {
        let failed = || format!("failed to use {}", path.display());
        let token = Token::parse(&super::read(path)?).with_context(failed)?;
        WebIdentityRequest::of_claims(&token.claims)
    } else {
        // clap asks for all three, or for a token.
        let audiences: Vec<&str> = args.audience.iter().map(String::as_str).collect();
        let issuer = args.issuer.as_deref().unwrap_or_default();
        let subject = args.service_account.as_ref().or(args.sub.as_ref());
        WebIdentityRequest::new(issuer, subject.map_or("", String::as_str), &audiences)
    };
    request.provider_arn.clone_from(&args.provider_arn);
    if let Some(name) = &args.role_session_name {
        request = request.with_context("sts:RoleSessionName", name);
    }
    for (key, value) in &args.condition_keys {
        request = request.with_context(key, value);
    }
    for key in &args.absent_condition_keys {
        request = request.without_key(key);
    }
    request.contradiction().map_or(Ok(request), |why| Err(anyhow!(why)).or_misuse())
}

fn say(verdict: &Verdict, request: &WebIdentityRequest) -> io::Result<()> {
    let mut out = output::out();
    let WebIdentityRequest { issuer, subject, audiences, .. } = request;
    let audiences = audiences.join(", ");
    let head = Head::new().text("token: ");
    out.prose(head, format_args!("iss {issuer:?}, sub {subject:?}, aud {audiences}"))?;
    let reasons = match verdict {
        Verdict::Allowed { by } => {
            let head = Head::new().word(Tone::Good, "allowed");
            out.prose(head, format_args!("by {by}, line {}", by.at.line))?;
            let text =
                "the provider's client IDs must contain the audience too; only IAM knows them";
            out.prose(Head::new().text("  "), text)?;
            &Vec::new()
        }
        Verdict::Denied { explicitly: Some(by), reasons } => {
            let line = by.at.line;
            let head = Head::new().word(Tone::Bad, "denied");
            out.prose(head, format_args!("by {by}, line {line}: a Deny overrides every Allow"))?;
            reasons
        }
        Verdict::Denied { explicitly: None, reasons } => {
            out.prose(Head::new().word(Tone::Bad, "denied:"), "no statement allows it")?;
            reasons
        }
        Verdict::Unknown { reasons } => {
            let text = "it depends on values that only AWS knows, or that are not in the file";
            out.prose(Head::new().word(Tone::Doubtful, "unknown:"), text)?;
            reasons
        }
    };
    for reason in reasons {
        let Reason { statement, at, element, policy, request, why } = reason;
        let head = Head::new().text("  ").hanging(4);
        match statement {
            Some(statement) => {
                out.prose(head, format_args!("{statement}, line {}, {element}", at.line))?;
            }
            None => out.prose(head, element)?,
        }
        if statement.is_some() || !policy.is_empty() {
            out.prose(Head::new().text("    policy:  "), listed(policy))?;
            out.prose(Head::new().text("    request: "), listed(request))?;
        }
        out.prose(Head::new().text("    "), why)?;
    }
    Ok(())
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        return "(no value)".to_owned();
    }
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" or ")
}

fn data(format: DataFormat, verdict: &Verdict, request: &WebIdentityRequest) -> io::Result<()> {
    let (word, status, by, reasons): (_, _, Option<&StatementName>, &[Reason]) = match verdict {
        Verdict::Allowed { by } => ("allowed", Word::Pass, Some(by), &[]),
        Verdict::Denied { explicitly, reasons } => {
            ("denied", Word::Fail, explicitly.as_ref(), reasons)
        }
        Verdict::Unknown { reasons } => ("unknown", Word::Unknown, None, reasons),
    };
    let body = json!({
        "verdict": word,
        "by": by.map(statement),
        "request": {
            "issuer": request.issuer,
            "subject": request.subject,
            "audiences": request.audiences,
        },
        "findings": reasons.iter().map(|it| finding(it, status)).collect::<Vec<_>>(),
    });
    let summary = Summary::of(reasons.iter().map(|_| status)).at_least(status);
    report::print(format, Kind::SimulationReport, &body, summary)
}

fn statement(name: &StatementName) -> Value {
    json!({"statement": name.number, "sid": name.sid, "line": name.at.line})
}

/// Why a statement does not allow the request.
fn finding(reason: &Reason, status: Word) -> Value {
    let (id, element, operator, key) = match &reason.element {
        Element::Principal => ("principal", "Principal", None, None),
        Element::Action => ("action", "Action", None, None),
        Element::Effect => ("effect", "Effect", None, None),
        Element::Conditions => ("condition", "Condition", None, None),
        Element::Statement => ("statement", "Statement", None, None),
        Element::Token => ("token", "Token", None, None),
        Element::Duration => ("duration-seconds", "DurationSeconds", None, None),
        Element::Condition { operator, key } => {
            ("condition", "Condition", Some(operator), Some(key))
        }
    };
    json!({
        "id": id,
        "status": status,
        "message": reason.why,
        "statement": reason.statement.as_ref().map(|statement| statement.number),
        "sid": reason.statement.as_ref().and_then(|statement| statement.sid.as_ref()),
        "line": reason.statement.as_ref().map(|_| reason.at.line),
        "column": reason.statement.as_ref().map(|_| reason.at.column),
        "element": element,
        "operator": operator,
        "key": key,
        "policy": reason.policy,
        "request": reason.request,
    })
}
