//! A folder that somebody filled with kubectl, curl and the AWS CLI.

use serde_json::json;

use crate::scene::{ROLE, ROLE_ARN, program};
use crate::support::{Scratch, pod, service_account};

#[test]
fn goes_by_what_is_there_and_says_what_it_cannot_say() {
    let folder = Scratch::new().unwrap();
    let mut account = service_account("app", &[(ROLE_ARN, ROLE)]);
    account["metadata"]["namespace"] = "demo".into();
    folder.write("service-account.yaml", account.to_string()).unwrap();
    let from = folder.path().to_str().unwrap();
    let said = program(&["doctor", "--from-dir", from, "-o", "json"])();
    assert_eq!((said.exit, said.failed()), (2, vec![]), "{:#}\n{}", said.report, said.errors);
    assert_eq!(said.check("role-annotation")["status"], "pass");

    // The pod as `kubectl create --dry-run=server -o json` prints it, without the role.
    folder.write("dry-run.json", pod("app", "app").to_string()).unwrap();
    let list = json!({"kind": "List", "items": [pod("app", "app")]});
    folder.write("pods.json", list.to_string()).unwrap();
    let said = program(&["doctor", "pod/app", "--from-dir", from, "-o", "json"])();
    assert_eq!((said.exit, said.failed()), (1, vec!["dry-run".to_owned()]), "{:#}", said.report);
    assert_eq!(said.report["subject"], "pod/app in namespace demo");
}

#[test]
fn tells_a_wrong_command_line_from_a_wrong_cluster() {
    let said = program(&["doctor", "node/a"])();
    assert_eq!(said.exit, 2);
    assert!(said.errors.contains("pod/NAME"), "{}", said.errors);
    let said = program(&["doctor", "--from-dir", "/nowhere/at/all"])();
    assert_eq!(said.exit, 2);
    assert!(said.errors.contains("/nowhere/at/all"), "{}", said.errors);
}
