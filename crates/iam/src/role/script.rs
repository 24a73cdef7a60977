//! The role as a script for a POSIX shell, which can be run again: it creates what is missing,
//! updates what differs, and says which. Each value is one quoted word.

use text::escaped;
use text::shell::{Document, Opt, Word};

use super::formats::{description, manifests, tags};
use super::settings::SessionDuration;
use super::value::Value;
use super::{Audience, Role, Thumbprint};
use arn::Account;

/// Between the words of a command.
const BETWEEN: &str = " \\\n    ";

/// `look` sets `$found` to what the AWS CLI prints, to nothing where IAM has no such thing, and
/// ends the script for any other error: not known is not missing.
const FUNCTIONS: &str = r#"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
trap 'exit 1' HUP INT TERM

say() { printf '%s\n' "$1"; }

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# Sets found to what the AWS CLI prints, or to nothing if IAM has no such entity.
look() {
  if found=$(aws "$@" --output text 2>"$errors"); then return 0; fi
  found=
  grep -q NoSuchEntity "$errors" && return 0
  cat "$errors" >&2
  exit 1
}
"#;

/// Lines for a POSIX shell.
pub(super) fn cli(role: &Role, account: &Account) -> String {
    let mut script = Script { out: String::new(), indent: "" };
    script.line(&format!("#!/bin/sh\n# {}.", description(role)));
    script.line("# Creates what is missing, updates what differs, and says which: run it as often as you like.");
    script.line("# Needs the AWS CLI and kubectl.\n# shellcheck disable=SC2016 # the backticks are those of queries\nset -eu\nexport AWS_PAGER=''");
    if let Some(region) = &role.region {
        script.line(&format!("export AWS_REGION={} AWS_DEFAULT_REGION={0}", Word(region)));
    }
    script.out.push_str(FUNCTIONS);
    script.caller(account);
    if !role.provider_exists {
        script.provider(role, account);
    }
    script.role(role, account);
    for (name, document) in role.policies() {
        script.policy(role, &name, document);
    }
    let accounts = role.service_accounts(&Value::text(role.arn(account)));
    if !accounts.is_empty() {
        let manifest = manifests(&accounts, 0);
        script.line(&format!("\nkubectl apply -f - <<'MANIFEST'\n{manifest}MANIFEST"));
    }
    script.out
}

struct Script {
    out: String,
    indent: &'static str,
}

impl Script {
    fn line(&mut self, text: &str) {
        self.out.push_str(self.indent);
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn command(&mut self, words: &[String]) {
        self.line(&words.join(&format!("{BETWEEN}{}", self.indent)));
    }

    fn say(&mut self, what: &str) {
        self.line(&format!("say {}", Word(&escaped(what))));
    }

    /// With the credentials of another account all would go there.
    fn caller(&mut self, account: &Account) {
        let (partition, id) = (account.partition(), account.id());
        self.out.push_str("\ncaller=$(aws sts get-caller-identity --query Arn --output text 2>\"$errors\") || {\n  cat \"$errors\" >&2\n  exit 1\n}\n");
        self.line("case $caller in");
        self.line(&format!("arn:{partition}:*::{id}:*) ;;"));
        self.line(&format!(
            "arn:*) fail \"this is for the account {id} in the partition {partition}, and your AWS credentials are those of $caller\" ;;"
        ));
        self.line("*) fail \"can't tell whose AWS credentials these are: $caller\" ;;");
        self.line("esac");
    }

    fn provider(&mut self, role: &Role, account: &Account) {
        let name = role.issuer.name();
        self.line(&format!("\nprovider={}", Word(&role.provider_arn(account))));
        let look = "look iam get-open-id-connect-provider --open-id-connect-provider-arn \"$provider\" --query";
        self.line(&format!("{look} Url"));
        self.line("if [ -z \"$found\" ]; then");
        self.indent = "  ";
        let mut words = vec![
            "aws iam create-open-id-connect-provider".to_owned(),
            Opt("--url", role.issuer.url()).to_string(),
            client_ids(&role.audiences),
        ];
        let thumbprints: Vec<&str> = role.thumbprints.iter().map(Thumbprint::as_str).collect();
        let list = format!("--thumbprint-list {}", thumbprints.join(" "));
        if !thumbprints.is_empty() {
            words.push(list.clone());
        }
        *words.last_mut().unwrap_or(&mut String::new()) += " >/dev/null";
        self.command(&words);
        self.say(&format!("created: provider {name}"));
        self.indent = "";
        self.line("else");
        self.indent = "  ";
        for audience in &role.audiences {
            let text = Value::text(audience.as_str()).plain_json();
            let query = format!("contains(ClientIDList, `{text}`)");
            let what = format!("client ID {} of provider {name}", audience.as_str());
            let update = [
                "aws iam add-client-id-to-open-id-connect-provider".to_owned(),
                client_id(audience, &role.provider_arn(account)),
            ];
            self.update(&format!("{look} {}", Word(&query)), &update, &what);
        }
        if !thumbprints.is_empty() {
            let mut sorted = thumbprints.clone();
            sorted.sort_unstable();
            sorted.dedup();
            let query = format!("sort(ThumbprintList || `[]`) == `{sorted:?}`");
            let update = [
                "aws iam update-open-id-connect-provider-thumbprint".to_owned(),
                "--open-id-connect-provider-arn \"$provider\"".to_owned(),
                list,
            ];
            let what = format!("thumbprints of provider {name}");
            self.update(&format!("{look} {}", Word(&query)), &update, &what);
        }
        self.indent = "";
        self.line("fi");
    }

    fn role(&mut self, role: &Role, account: &Account) {
        let (name, arn) = (role.name.as_str(), role.arn(account));
        let named = Opt("--role-name", name).to_string();
        let trust = role.trust_policy(Value::text(role.provider_arn(account))).plain_json();
        self.line(&format!("\nrole={}\ntrust={}", Word(&arn), Document(&trust)));
        self.line(&format!("look iam get-role {named} --query Role.Arn"));
        self.line("if [ -z \"$found\" ]; then");
        self.indent = "  ";
        let mut words = vec!["aws iam create-role".to_owned(), named.clone()];
        if !role.path.is_default() {
            words.push(Opt("--path", role.path.as_str()).to_string());
        }
        let duration = role.max_session.map(SessionDuration::seconds);
        words.extend(duration.map(|it| format!("--max-session-duration {it}")));
        let boundary = role.boundary.as_ref().map(|it| Opt("--permissions-boundary", it.as_str()));
        words.extend(boundary.map(|it| it.to_string()));
        let tags = (!role.tags.is_empty()).then(|| on_one_line(&tags(role)));
        let tags = tags.map(|it| format!("--tags {}", Document(&it)));
        words.extend(tags.clone());
        words.push("--assume-role-policy-document \"$trust\" >/dev/null".to_owned());
        self.command(&words);
        self.say(&format!("created: role {name}"));
        self.indent = "";
        self.line("elif [ \"$found\" != \"$role\" ]; then");
        self.line("  fail \"the role exists as $found, not as $role; pass its --path, or another --role-name\"");
        self.line("else");
        self.indent = "  ";
        let look = format!("look iam get-role {named} --query");
        let update = [
            "aws iam update-assume-role-policy".to_owned(),
            named.clone(),
            "--policy-document \"$trust\"".to_owned(),
        ];
        self.update(
            &format!("{look} \"Role.AssumeRolePolicyDocument == \\`$trust\\`\""),
            &update,
            &format!("trust policy of role {name}"),
        );
        if let Some(seconds) = duration {
            let query = format!("Role.MaxSessionDuration == `{seconds}`");
            let update = [
                "aws iam update-role".to_owned(),
                named.clone(),
                format!("--max-session-duration {seconds}"),
            ];
            let what = format!("maximum session duration of role {name}");
            self.update(&format!("{look} {}", Word(&query)), &update, &what);
        }
        if let (Some(option), Some(arn)) = (boundary, &role.boundary) {
            let arn = Value::text(arn.as_str()).plain_json();
            let query = format!("Role.PermissionsBoundary.PermissionsBoundaryArn == `{arn}`");
            let update = [
                "aws iam put-role-permissions-boundary".to_owned(),
                named.clone(),
                option.to_string(),
            ];
            let what = format!("permissions boundary of role {name}");
            self.update(&format!("{look} {}", Word(&query)), &update, &what);
        }
        if let Some(tags) = tags {
            let has = |(key, value): (&str, &str)| {
                let is = |member: &str, text: &str| {
                    format!("{member} == `{}`", Value::text(text).plain_json())
                };
                format!(
                    "length((Role.Tags || `[]`)[?{} && {}]) == `1`",
                    is("Key", key),
                    is("Value", value)
                )
            };
            let all: Vec<String> = role.tags.each().map(has).collect();
            let update = ["aws iam tag-role".to_owned(), named, tags];
            let what = format!("tags of role {name}");
            self.update(&format!("{look} {}", Word(&all.join(" && "))), &update, &what);
        }
        self.indent = "";
        self.line("fi");
    }

    fn policy(&mut self, role: &Role, policy: &str, document: &Value) {
        let names = [
            Opt("--role-name", role.name.as_str()).to_string(),
            Opt("--policy-name", policy).to_string(),
        ];
        self.line(&format!("\npolicy={}", Document(&document.plain_json())));
        self.line(&format!(
            "look iam get-role-policy {} --query \"PolicyDocument == \\`$policy\\`\"",
            names.join(" ")
        ));
        self.line("if [ \"$found\" = True ]; then");
        self.indent = "  ";
        self.say(&format!("unchanged: policy {policy}"));
        self.indent = "";
        self.line("else");
        self.indent = "  ";
        let [of_role, of_policy] = names;
        let document = "--policy-document \"$policy\"".to_owned();
        self.command(&["aws iam put-role-policy".to_owned(), of_role, of_policy, document]);
        self.line(&format!(
            "if [ -z \"$found\" ]; then say {}; else say {}; fi",
            Word(&format!("created: policy {policy}")),
            Word(&format!("updated: policy {policy}"))
        ));
        self.indent = "";
        self.line("fi");
    }

    /// Of something that is there: an update unless the look-up says `True`.
    fn update(&mut self, look: &str, update: &[String], what: &str) {
        let outer = self.indent;
        self.line(look);
        self.line("if [ \"$found\" = True ]; then");
        self.indent = "    ";
        self.say(&format!("unchanged: {what}"));
        self.indent = outer;
        self.line("else");
        self.indent = "    ";
        self.command(update);
        self.say(&format!("updated: {what}"));
        self.indent = outer;
        self.line("fi");
    }
}

/// Whether the AWS CLI would take it for the address of a file, or for something other than text.
fn is_odd(value: &str) -> bool {
    ["file://", "fileb://", "http://", "https://", "[", "{", "-"]
        .iter()
        .any(|start| value.starts_with(start))
}

/// No text in JSON has a line break of its own.
fn on_one_line(value: &Value) -> String {
    let json = value.plain_json();
    let lines: Vec<&str> = json.lines().map(str::trim_start).collect();
    lines.join(" ")
}

/// As words, or as JSON where the AWS CLI would read a word in its own way.
fn client_ids(audiences: &[Audience]) -> String {
    let all = || audiences.iter().map(Audience::as_str);
    if all().any(is_odd) {
        let list = Value::List(all().map(Value::text).collect());
        return format!("--client-id-list {}", Document(&on_one_line(&list)));
    }
    let words: Vec<String> = all().map(|it| Word(it).to_string()).collect();
    format!("--client-id-list {}", words.join(" "))
}

fn client_id(audience: &Audience, provider: &str) -> String {
    if is_odd(audience.as_str()) {
        let input = super::value::map([
            ("OpenIDConnectProviderArn", Value::text(provider)),
            ("ClientID", Value::text(audience.as_str())),
        ]);
        return format!("--cli-input-json {}", Document(&on_one_line(&input)));
    }
    let id = Word(audience.as_str());
    format!("--open-id-connect-provider-arn \"$provider\" --client-id {id}")
}
