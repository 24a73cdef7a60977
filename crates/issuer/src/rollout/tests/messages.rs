//! All messages of `issuer rotate` and `issuer migrate`: see `rotate.txt` and
//! `migrate.txt` in `tests/messages`.

use std::fmt::Write as _;

use super::*;
use crate::golden::{golden, written};

fn plan_text(what: &str, plan: &Plan) -> String {
    let mut text = format!("# {what}\n\n");
    let mut line = |line: &str| writeln!(text, "{line}").expect("to write");
    for alarm in &plan.alarms {
        line(&written(&format!("alarm: {}", alarm.id), alarm));
    }
    for step in &plan.steps {
        line(&format!("{:?} {}: {}", step.state, step.id, step.title));
        for flag in &step.flags {
            line(&format!("    {flag}"));
        }
        for todo in &step.todo {
            line(&format!("  - {todo}"));
        }
        for why in &step.blocked {
            line(&format!("  not yet: {why}"));
        }
        line("");
        for check in &step.checks {
            line(&written(check.id, check));
        }
    }
    text
}

#[test]
fn rotate_says_what_stands_in_the_file() {
    let (old, new) = (public(RSA), public(P256));
    let mut all = String::new();
    let nothing = rotate(&Rotation { published: None, ..of(&old, &new) }, &Facts::default());
    all.push_str(&plan_text("nothing is known", &nothing));
    for (what, published, live, signer, expired) in [
        ("the beginning", "o", "o", 'o', false),
        ("all done", "n", "n", 'n', true),
        ("the new key signs before it is published and accepted", "o", "o", 'n', false),
        ("the old key was removed too early", "n", "n", 'n', false),
        ("another key signs", "onx", "onx", 'x', false),
    ] {
        let (published, live, token) = (jwks(published), jwks(live), signed_by(signer));
        let rotation = Rotation { published: Some(&published), ..of(&old, &new) };
        let facts = Facts {
            live: Some(&live),
            token: Some(&token),
            old_tokens_expired: expired,
            ..Facts::default()
        };
        all.push_str(&plan_text(what, &rotate(&rotation, &facts)));
    }
    golden("rotate.txt", &all);
}

#[test]
fn nobody_is_asked_for_what_he_gave() {
    let (old, new) = (public(RSA), public(P256));
    let asked = |plan: &Plan| {
        let checks = plan.steps.iter().flat_map(|step| &step.checks);
        checks.map(|check| check.found.clone()).collect::<Vec<_>>().join("\n")
    };
    let (keys, token) = (jwks("on"), signed_by('o'));
    let mut no_kid = token.clone();
    no_kid.kid = None;
    let rotation = Rotation { published: Some(&keys), ..of(&old, &new) };
    for (facts, given) in [
        (Facts { live: Some(&keys), ..Facts::default() }, "--api-server-keys"),
        (Facts { token: Some(&token), ..Facts::default() }, "--token"),
        (Facts { token: Some(&no_kid), ..Facts::default() }, "--token"),
    ] {
        let asked = asked(&rotate(&rotation, &facts));
        assert!(asked.contains("not known") && !asked.contains(given), "{given}: {asked}");
        assert!(!asked.contains("--documents"), "{asked}");
    }
    let to = IssuerUrl::parse(NEW).expect("a URL");
    let migration = Migration {
        old: OLD,
        new: &to,
        new_documents: &[],
        old_documents: &[],
        trusted: true,
        accepted_everywhere: false,
        write: WRITE,
    };
    let facts = Facts { live: Some(&keys), token: Some(&token), ..Facts::default() };
    let asked = asked(&migrate(&migration, &facts));
    assert!(asked.contains("--api-server") && !asked.contains("--from-cluster"), "{asked}");
}

/// What is known: documents of the new and of the old issuer, whether IAM is
/// said to trust both, the API servers, whose tokens are new, and whether the
/// old ones have expired.
type Case<'a> = (
    &'static str,
    &'a [IssuerCheck],
    &'a [IssuerCheck],
    bool,
    &'a [ApiServerFlags],
    Option<&'static str>,
    bool,
);

#[test]
fn migrate_says_what_stands_in_the_file() {
    let new = IssuerUrl::parse(NEW).expect("a URL");
    let good = [IssuerCheck::pass("jwks-document", "FOUND")];
    let bad = [IssuerCheck::fail("jwks-fetch", "FOUND", "NEXT")];
    let mut all = String::new();
    let (only_old, both, only_new) = (server(&[OLD]), server(&[NEW, OLD]), server(&[NEW]));
    let other = "https://other.example";
    let cases: [Case<'_>; 6] = [
        ("nothing is known", &[], &[], false, &[], None, false),
        ("the beginning", &bad, &good, false, std::slice::from_ref(&only_old), Some(OLD), false),
        ("all done", &good, &good, true, std::slice::from_ref(&only_new), Some(NEW), true),
        (
            "the documents are broken",
            &bad,
            &bad,
            true,
            std::slice::from_ref(&both),
            Some(NEW),
            false,
        ),
        (
            "the old issuer was removed too early",
            &good,
            &good,
            true,
            std::slice::from_ref(&only_new),
            Some(NEW),
            false,
        ),
        (
            "tokens of another issuer",
            &good,
            &good,
            true,
            std::slice::from_ref(&only_old),
            Some(other),
            false,
        ),
    ];
    for (what, new_documents, old_documents, trusted, servers, issuer, expired) in cases {
        let migration = Migration {
            old: OLD,
            new: &new,
            new_documents,
            old_documents,
            trusted,
            accepted_everywhere: false,
            write: WRITE,
        };
        let token = issuer.map(|issuer| good_token(issuer, Algorithm::Rs256));
        let facts =
            Facts { live: None, token: token.as_ref(), servers, old_tokens_expired: expired };
        all.push_str(&plan_text(what, &migrate(&migration, &facts)));
    }
    golden("migrate.txt", &all);
}
