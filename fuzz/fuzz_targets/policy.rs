//! The linter and the simulator, over anything that somebody might call a policy.
#![no_main]

use iam::{Policy, WebIdentityRequest, lint_file, simulate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let lines = text.lines().count() + 1;
    for name in ["", "x.tf", "x.md", "x.yaml"] {
        for finding in lint_file(name, text) {
            assert!(finding.at.line <= lines, "{finding:?} stands behind the end");
        }
    }
    if let Ok(policy) = Policy::trust_policy(text) {
        let request = WebIdentityRequest::new(
            "https://oidc.example.com",
            "system:serviceaccount:demo:app",
            &["sts.amazonaws.com"],
        );
        let _ = simulate(&policy, &request);
    }
});
