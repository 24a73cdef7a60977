//! What `iam role` writes, by the formats' own tools: cfn-lint, and the AWS CLI with its validation of
//! parameters. AWS can't run here: moto's IAM, a server on loopback, answers in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::Context as _;

use crate::support::{SOON, Scratch, eventually, free_port};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");
/// The account of whoever calls moto.
const ACCOUNT: &str = "123456789012";
const THUMBPRINT: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/it's/€ `id`/*"}]}"#;

/// The folder of `aws`, `moto_server` and `cfn-lint`.
fn tools() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/aws/install.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed: see above", script.display());
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
}

fn role(more: &[&str]) -> String {
    let issuer = "--issuer=https://oidc.example.com/id/X";
    let output = Command::new(PROGRAM).args(["iam", "role", issuer]).args(more).output().unwrap();
    assert!(output.status.success(), "{more:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn templates_are_clean_under_cfn_lint() {
    let tools = tools();
    let folder = Scratch::new().unwrap();
    let policy = folder.write("policy.json", POLICY).unwrap();
    let policy = policy.to_str().unwrap();
    let boundary = "--permissions-boundary=arn:aws:iam::aws:policy/PowerUserAccess";
    let all = [
        &[
            "--namespace=demo",
            "--service-account=app",
            "--service-account=other/b",
            "--role-name=r",
        ][..],
        &["--audience=a", "--audience=it's ${x} \"y\"", "--policy", policy, "--policy", policy],
        &[
            "--tag=team=a b",
            "--tag=empty=",
            "--path=/team/",
            "--max-session-duration=7200",
            boundary,
        ],
        &["--thumbprint", THUMBPRINT],
    ]
    .concat();
    let templates = [
        role(&["--service-account=demo/app", "--format=cloudformation"]),
        role(&["--service-account=demo/app", "--format=cloudformation", "--existing-provider"]),
        role(&["--service-account=demo/*", "--role-name=r", "--format=cloudformation"]),
        role(&[&all[..], &["--format=cloudformation"]].concat()),
        role(&[&all[..], &["--format=cloudformation", "--account-id", ACCOUNT]].concat()),
    ];
    let files: Vec<PathBuf> = templates
        .iter()
        .enumerate()
        .map(|(index, template)| folder.write(&format!("{index}.yaml"), template).unwrap())
        .collect();
    let output = Command::new(tools.join("cfn-lint")).args(&files).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// moto's server, and scripts that are run against it.
struct Moto {
    server: Child,
    tools: PathBuf,
    endpoint: String,
    folder: Scratch,
}

impl Moto {
    async fn start() -> Self {
        let (tools, folder) = (tools(), Scratch::new().unwrap());
        // It says what it gets: the manifests.
        let kubectl = folder.write("kubectl", "#!/bin/sh\ncat\n").unwrap();
        fs::set_permissions(kubectl, fs::Permissions::from_mode(0o755)).unwrap();
        // moto does not know this call: the AWS CLI checks its parameters, and that is all.
        let aws = tools.join("aws").display().to_string();
        let wrapper = format!(
            "#!/bin/sh\nif [ \"$2\" = add-client-id-to-open-id-connect-provider ]; then\n\
             set -- \"$@\" --generate-cli-skeleton output\nfi\nexec {aws} \"$@\"\n"
        );
        let wrapper = folder.write("aws", wrapper).unwrap();
        fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port().unwrap();
        let server = Command::new(tools.join("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let moto = Self { server, tools, endpoint, folder };
        eventually("moto to listen", SOON, async || {
            let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            connected.map(drop).context("no connection")
        })
        .await;
        moto
    }

    fn command(&self, program: &Path) -> Command {
        let path =
            format!("{}:{}:/usr/bin:/bin", self.folder.path().display(), self.tools.display());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "a")
            .env("AWS_SECRET_ACCESS_KEY", "b")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_MAX_ATTEMPTS", "1");
        command
    }

    /// Runs the script by Debian's shell.
    fn run(&self, more: &[&str]) -> Output {
        let script =
            self.folder.write("role.sh", role(&[more, &["--format=cli"]].concat())).unwrap();
        self.command(Path::new("dash")).arg(script).stdin(Stdio::null()).output().unwrap()
    }

    /// The lines that say what was done.
    fn said(&self, more: &[&str]) -> Vec<String> {
        let output = self.run(more);
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        let out = text(&output.stdout);
        assert!(out.contains("kind: ServiceAccount\n"), "{out}");
        let done = ["created: ", "updated: ", "unchanged: "];
        let lines = out.lines().filter(|line| done.iter().any(|word| line.starts_with(word)));
        lines.map(str::to_owned).collect()
    }

    fn aws(&self, args: &[&str]) -> String {
        let output = self.command(&self.tools.join("aws")).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_creates_once_then_updates_what_differs_and_says_which() {
    let moto = Moto::start().await;
    let document = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    moto.aws(&["iam", "create-policy", "--policy-name=bound", "--policy-document", document]);
    let policy = moto.folder.write("policy.json", POLICY).unwrap();
    let policy = ["--policy", policy.to_str().unwrap()];
    let least = ["--service-account=demo/app", "--account-id", ACCOUNT];
    let boundary = format!("--permissions-boundary=arn:aws:iam::{ACCOUNT}:policy/bound");
    let odd = "--audience=it's `id` $(id) \"x\" \\ \u{202e}y";
    let more = [
        &least[..],
        &policy,
        &["--audience=https://a.example", "--audience=file:///etc/passwd", odd],
        &["--tag=team=a b", "--tag=empty=", "--max-session-duration=7200", &boundary],
        &["--thumbprint", THUMBPRINT],
    ]
    .concat();

    let provider = "provider oidc.example.com/id/X";
    assert_eq!(
        moto.said(&least),
        [format!("created: {provider}"), "created: role demo-app".into()]
    );
    assert_eq!(
        moto.said(&least),
        [
            format!("unchanged: client ID sts.amazonaws.com of {provider}"),
            "unchanged: trust policy of role demo-app".into(),
        ]
    );
    // Each of them differs now, and nothing is left to do afterwards but what moto can't do.
    let first = moto.said(&more);
    assert!(first.iter().all(|line| !line.starts_with("unchanged")), "{first:#?}");
    assert_eq!((first.len(), first.last().unwrap().as_str()), (9, "created: policy demo-app"));
    let second = moto.said(&more);
    let left = |line: &&String| !line.starts_with("unchanged: ");
    let updated = second.iter().filter(left);
    assert!(updated.clone().all(|it| it.starts_with("updated: client ID ")), "{second:#?}");
    assert_eq!((second.len(), updated.count()), (9, 3), "{second:#?}");

    let got = moto.aws(&["iam", "get-role", "--role-name=demo-app"]);
    let got: serde_json::Value = serde_json::from_str(&got).unwrap();
    let written: serde_json::Value = serde_json::from_str(&role(&more)).unwrap();
    for member in ["Arn", "AssumeRolePolicyDocument", "MaxSessionDuration", "Tags"] {
        assert_eq!(got["Role"][member], written["Role"][member], "{member}");
    }
    // Only the trust policy differs.
    let fewer: Vec<&str> = more.iter().copied().filter(|it| *it != odd).collect();
    let third = moto.said(&fewer);
    let updated = third.iter().filter(left).filter(|it| !it.contains(": client ID "));
    assert_eq!(updated.collect::<Vec<_>>(), ["updated: trust policy of role demo-app"]);

    // What is not as it should be ends the script, and is not created a second time.
    for (args, says) in [
        (
            vec!["--service-account=demo/app", "--account-id=111122223333"],
            "the account 111122223333",
        ),
        (
            vec!["--service-account=demo/app", "--account-id", ACCOUNT, "--partition=aws-cn"],
            "aws-cn",
        ),
        (vec!["--service-account=demo/app", "--account-id", ACCOUNT, "--path=/team/"], "--path"),
    ] {
        let output = moto.run(&args);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "{args:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_makes_a_role_with_all_settings_at_once() {
    let moto = Moto::start().await;
    let all = [
        &["--service-account=kube-system/app", "--account-id", ACCOUNT, "--path=/team/"][..],
        &["--tag=team=a b", "--max-session-duration=7200", "--audience=https://a.example"],
        &["--audience=it's `id` $(id) \"x\" \\ \u{202e}y", "--thumbprint", THUMBPRINT],
    ]
    .concat();
    assert_eq!(moto.said(&all).len(), 2);
    assert!(moto.said(&all).iter().all(|line| line.starts_with("unchanged: ")));
    let got = moto.aws(&["iam", "get-role", "--role-name=kube-system_app"]);
    let got: serde_json::Value = serde_json::from_str(&got).unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/team/kube-system_app");
    assert_eq!(
        (&got["Role"]["Arn"], &got["Role"]["MaxSessionDuration"]),
        (&arn.into(), &7200.into())
    );
    let written: serde_json::Value = serde_json::from_str(&role(&all)).unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/id/X");
    let arn = ["--open-id-connect-provider-arn", &arn];
    let got = moto.aws(&[&["iam", "get-open-id-connect-provider"][..], &arn].concat());
    let got: serde_json::Value = serde_json::from_str(&got).unwrap();
    for id in written["OpenIDConnectProvider"]["ClientIDList"].as_array().unwrap() {
        assert!(got["ClientIDList"].as_array().unwrap().contains(id), "{id}: {got:#}");
    }
}

/// Not known is not missing.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_creates_nothing_where_iam_does_not_answer() {
    let mut moto = Moto::start().await;
    moto.endpoint = format!("http://127.0.0.1:{}", free_port().unwrap());
    let output = moto.run(&["--service-account=demo/app", "--account-id", ACCOUNT]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{}", text(&output.stdout));
    assert!(said.contains("Could not connect") && said.lines().count() < 4, "{said}");
}
