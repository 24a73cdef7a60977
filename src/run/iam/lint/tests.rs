use super::*;
use iam::lint_file;

/// Findings of each kind of difference: with and without a fix, once and often,
/// in files whose names need escapes, and with text that would be a command.
fn found() -> Vec<InFile<'static>> {
    let trust = r#"{"Version": "2012-10-17", "Statement": [{
  "Effect": "allow", "Action": "s3:ListBucket", "Resource": "*"
}, {
  "Effect": "::error::100%,\r\n::stop-commands::x\u001b[2J", "Action": "s3:ListBucket", "Resource": "*"
}]}"#;
    let placeholders = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": [
  "arn:aws:s3:::YOUR_BUCKET",
  "arn:aws:s3:::YOUR_BUCKET",
  "arn:aws:s3:::YOUR_BUCKET",
  "arn:aws:s3:::YOUR_BUCKET",
  "arn:aws:s3:::YOUR_BUCKET"
]}]}"#;
    let curly = "{\u{201c}Version\u{201d}: \"2012-10-17\", \"Statement\": []}";
    let files = [
        ("trust.json", trust),
        ("./a folder/50%,b:c\u{fc}.json", placeholders),
        ("/srv/policies/x.json", curly),
        ("-", "nothing: here\n"),
    ];
    let of = |(path, text): (&'static str, &str)| {
        lint_file(path, text)
            .into_iter()
            .map(move |finding| (Path::new(path), finding))
            .collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of).collect()
}

#[test]
fn golden_github() {
    let mut commands: Vec<String> =
        found().iter().map(|(path, finding)| github::command(path, finding)).collect();
    commands.push(github::unread_file("failed to read a,b.json: 100%\nno such file"));
    for command in &commands {
        let is_one_line = command.matches('\n').count() == 1 && command.ends_with('\n');
        assert!(is_one_line && command.starts_with("::"), "{command}");
        let (properties, _) = command[2..].split_once("::").expect("what is said");
        // As the runner takes it apart.
        for property in properties.split_once(' ').expect("properties").1.split(',') {
            let (name, value) = property.split_once('=').expect("a name");
            assert!(["file", "line", "col", "title"].contains(&name), "{command}");
            assert!(!value.contains(':'), "{command}");
        }
    }
    crate::golden_tests::check("iam-lint.github.txt", &commands.concat());
}

#[test]
fn golden_sarif() {
    let log = sarif::log(&found(), &["failed to read x.json: no such file".to_owned()]);
    let text = serde_json::to_string_pretty(&log).expect("JSON");
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    crate::golden_tests::check("iam-lint.sarif", &text);
}

/// What the schema of SARIF 2.1.0 requires, and its lists of words.
#[test]
fn sarif_has_what_its_schema_requires() {
    for log in [sarif::log(&found(), &[]), sarif::log(&[], &["x".to_owned()])] {
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
        let rules = driver["rules"].as_array().expect("rules");
        let ids: std::collections::BTreeSet<_> = rules.iter().map(|it| it["id"].as_str()).collect();
        assert_eq!(ids.len(), rules.len());
        for result in run["results"].as_array().expect("results") {
            assert!(result["message"]["text"].is_string());
            assert!(["error", "warning"].contains(&result["level"].as_str().unwrap_or_default()));
            let rule =
                usize::try_from(result["ruleIndex"].as_u64().expect("a number")).unwrap_or(99);
            assert_eq!(rules[rule]["id"], result["ruleId"]);
            assert!(result["occurrenceCount"].as_u64() >= Some(1));
            let related = result["relatedLocations"].as_array().into_iter().flatten();
            for location in result["locations"].as_array().expect("places").iter().chain(related) {
                let place = &location["physicalLocation"];
                let uri = place["artifactLocation"]["uri"].as_str().expect("a file");
                let path = uri.strip_prefix("file://").unwrap_or(uri);
                assert!(!path.contains([' ', ':', ',', '\u{fc}']), "{uri}");
                assert!(place["region"]["startLine"].as_u64() >= Some(1));
                assert!(place["region"]["startColumn"].as_u64() >= Some(1));
            }
        }
    }
}

#[test]
fn says_how_often_and_where_else() {
    let found = found();
    let more: Vec<String> = found.iter().map(|(_, finding)| more(finding)).collect();
    assert!(more.iter().any(|it| it == " (and 4 more: 3:3, 4:3, 5:3, ...)"), "{more:?}");
}
