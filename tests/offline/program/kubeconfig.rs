//! Which cluster a command asks, and as whom: by kubeconfig files and kubectl's flags, seen from the server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::recording_api_server::{ApiServer, Asked};
use crate::support::Scratch;

/// Every list is empty, and every object is there.
fn lists(path: &str) -> (u16, String) {
    let is_list = ["pods", "serviceaccounts", "mutatingwebhookconfigurations", "namespaces"]
        .iter()
        .any(|kind| path.ends_with(kind));
    let answer = if is_list { json!({"items": []}) } else { json!({"metadata": {"name": "x"}}) };
    (200, answer.to_string())
}

struct Scene {
    server: ApiServer,
    folder: Scratch,
}

impl Scene {
    async fn set() -> Self {
        let server = ApiServer::start(&["127.0.0.1"], lists).await;
        let folder = Scratch::new().unwrap();
        folder.write("ca.crt", server.authority.pem()).unwrap();
        folder.write("token", "of-the-file\n").unwrap();
        Self { server, folder }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.folder.write(name, text).unwrap();
    }

    /// A kubeconfig in which the context has the user and the namespace.
    fn config(&self, name: &str, user: &Value, namespace: Option<&str>) {
        let config = json!({
            "clusters": [{"name": "c", "cluster": {"server": self.server.url, "certificate-authority": "ca.crt"}}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
            "current-context": "x",
        });
        self.write(name, config.to_string());
    }

    async fn run(&self, kubeconfig: &str, args: &[&str]) -> (Output, Vec<Asked>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("KUBECONFIG", kubeconfig);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output, self.server.asked())
    }

    /// What `audit` asked with, which has to end well.
    async fn audited(&self, kubeconfig: &str, args: &[&str]) -> Asked {
        let (output, asked) = self.run(kubeconfig, &[&["audit"], args].concat()).await;
        let text = format!("{:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
        let list = asked.into_iter().find(|it| it.line.contains("/serviceaccounts"));
        list.unwrap_or_else(|| panic!("{kubeconfig} {args:?}: no list: {text}"))
    }

    async fn error(&self, kubeconfig: &str, args: &[&str]) -> String {
        let (output, _) = self.run(kubeconfig, args).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{args:?}: {error}");
        error
    }
}

fn namespace(asked: &Asked) -> &str {
    let path = asked.line.split('/').collect::<Vec<_>>();
    path.iter().position(|it| *it == "namespaces").map_or("", |at| path[at + 1])
}

#[tokio::test]
async fn asks_in_the_namespace_of_the_flag_or_else_of_the_context() {
    let scene = Scene::set().await;
    scene.config("config", &json!({"token": "t"}), Some("shop"));
    scene.config("plain", &json!({"token": "t"}), None);
    for (kubeconfig, args, wanted) in [
        ("config", &[][..], "shop"),
        ("plain", &[], "default"),
        ("config", &["-n", "other"], "other"),
        ("config", &["--namespace=other"], "other"),
        ("config", &["-n", ""], "shop"),
        ("config", &["-A"], ""),
    ] {
        let asked = scene.audited(kubeconfig, args).await;
        assert_eq!(namespace(&asked), wanted, "{kubeconfig} {args:?}");
    }
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "c", "image": "i"}]}});
    scene.write("pod.json", pod.to_string());
    let asked_for = async |args: &[&str]| {
        let args = [&["inject", "-f", "pod.json"], args].concat();
        let (output, asked) = scene.run("config", &args).await;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        asked.first().map(|asked| namespace(asked).to_owned())
    };
    assert_eq!(asked_for(&[]).await.as_deref(), Some("shop"));
    assert_eq!(asked_for(&["-n", "other"]).await.as_deref(), Some("other"));
    // A manifest without a namespace could be meant for any.
    let error = String::from_utf8(
        scene.run("config", &["inject", "-f", "pod.json", "--context=typo"]).await.0.stderr,
    );
    let error = error.unwrap();
    assert!(error.contains("\"typo\"") && error.contains("set --namespace"), "{error}");
}

#[tokio::test]
async fn asks_as_whom_the_kubeconfig_and_the_flags_say() {
    let scene = Scene::set().await;
    let of_file = json!({"token": "of-text", "tokenFile": "token"});
    let version = "client.authentication.k8s.io/v1";
    let answer =
        json!({"kind": "ExecCredential", "apiVersion": version, "status": {"token": "of-plugin"}});
    let exec = json!({"exec": {"apiVersion": version, "command": "sh", "interactiveMode": "IfAvailable",
        "args": ["-c", format!("echo x >>ran; echo '{answer}'")]}});
    for (name, user) in [
        ("text", &json!({"token": "of-text\n"})),
        ("file", &of_file),
        ("plugin", &exec),
        ("basic", &json!({"username": "me", "password": "secret"})),
        ("as", &json!({"token": "t", "as": "jane", "as-groups": ["a", "b"]})),
    ] {
        scene.config(name, user, None);
    }
    for (kubeconfig, args, authorization) in [
        ("text", &[][..], "Bearer of-text"),
        ("file", &[], "Bearer of-the-file"),
        ("plugin", &[], "Bearer of-plugin"),
        ("basic", &[], "Basic bWU6c2VjcmV0"),
        ("text", &["--token=of-flag"], "Bearer of-flag"),
        ("file", &["--token=of-flag"], "Bearer of-flag"),
        ("plugin", &["--token=of-flag"], "Bearer of-flag"),
        ("basic", &["--token=of-flag"], "Bearer of-flag"),
    ] {
        let asked = scene.audited(kubeconfig, args).await;
        assert_eq!(asked.header("authorization"), authorization, "{kubeconfig} {args:?}");
        assert_eq!(asked.header("impersonate-user"), "", "{kubeconfig} {args:?}");
    }
    // Once, and not where a flag brings a token.
    assert_eq!(std::fs::read_to_string(scene.folder.path().join("ran")).unwrap(), "x\n");
    for (args, user, groups, uid) in [
        (&[][..], "jane", "a|b", ""),
        (&["--as=joe"], "joe", "a|b", ""),
        (&["--as=joe", "--as-group=c", "--as-group=d"], "joe", "c|d", ""),
        (&["--as-uid=7"], "jane", "a|b", "7"),
    ] {
        let asked = scene.audited("as", args).await;
        let headers = ["user", "group", "uid"].map(|it| asked.header(&format!("impersonate-{it}")));
        assert_eq!(headers, [user, groups, uid], "{args:?}");
    }
    let error = scene.error("text", &["audit", "--as-group=c"]).await;
    assert!(error.contains("add --as USER"), "{error}");
    let error = scene.error("text", &["audit", "--token=a\nb"]).await;
    assert!(error.contains("line break"), "{error}");
}

#[tokio::test]
async fn asks_the_server_that_the_flags_name_and_verifies_it() {
    let scene = Scene::set().await;
    scene.config("config", &json!({"token": "t"}), None);
    let (server, other) = (scene.server.url.as_str(), Scratch::new().unwrap());
    let wrong = crate::support::Authority::new("other").unwrap();
    let wrong = other.write("ca.crt", wrong.pem()).unwrap();
    let wrong = format!("--certificate-authority={}", wrong.display());
    scene.write("elsewhere", r#"{"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "tls-server-name": "x.example"}}], "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}"#);
    for (kubeconfig, args) in [
        ("none", &["--server", server, "--certificate-authority=ca.crt"][..]),
        ("none", &["-s", server, "--insecure-skip-tls-verify"]),
        // What the kubeconfig says of the other server's name does not count.
        ("elsewhere", &["-s", server, "--certificate-authority=ca.crt"]),
        ("config", &["--insecure-skip-tls-verify"]),
        ("config:elsewhere", &["--user=u"]),
        ("elsewhere:config", &["-s", server, "--user=u", "--certificate-authority=ca.crt"]),
    ] {
        let asked = scene.audited(kubeconfig, args).await;
        let has_user = kubeconfig.contains("config");
        assert_eq!(asked.header("authorization") == "Bearer t", has_user, "{kubeconfig} {args:?}");
    }
    for (args, says) in [
        (&["audit", wrong.as_str()][..], "certificate"),
        (&["audit", "--tls-server-name=x.example"], "certificate"),
        (&["audit", "--certificate-authority=nowhere"], "correct --certificate-authority"),
        (&["audit", "--cluster=typo"], "cluster \"typo\""),
        (&["audit", "--user=typo"], "user \"typo\""),
        (&["doctor", "pod/x", "--context=typo"], "context \"typo\""),
        (&["issuer", "documents", "--from-cluster", "--context=typo"], "context \"typo\""),
    ] {
        let error = scene.error("config", args).await;
        assert!(error.contains(says), "{args:?}: {error}");
    }
    // Nothing secret goes out in clear text.
    for plain in [server.replace("https:", "http:"), server.replace("https://", "")] {
        let (_, asked) = scene.run("config", &["audit", "-s", &plain]).await;
        assert!(asked.is_empty());
    }
}

/// Each with what kubectl does, where it does anything else than to fail.
#[tokio::test]
async fn names_what_is_missing_or_broken_in_a_kubeconfig() {
    let scene = Scene::set().await;
    scene.config("good", &json!({"token": "t"}), Some("shop"));
    scene.write("broken", "clusters: [\n");
    scene.write("empty", "");
    scene.write("dangling", r#"{"contexts": [{"name": "no-user", "context": {"cluster": "c", "user": "ghost"}}, {"name": "no-cluster", "context": {"cluster": "ghost", "user": "u"}}], "current-context": "nowhere"}"#);
    scene.write("expired", r#"{"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "%%%"}}], "contexts": [{"name": "x", "context": {"cluster": "c"}}], "current-context": "x"}"#);
    for good in ["missing:good", "empty:good", "good:dangling", ":good:"] {
        assert_eq!(namespace(&scene.audited(good, &[]).await), "shop", "{good}");
    }
    // A user that is not there is nobody's; kubectl asks for a name and a password.
    for (kubeconfig, args, says) in [
        ("broken:good", &[][..], "kubeconfig broken:"),
        ("good:broken", &[], "kubeconfig broken:"),
        ("missing", &[], "missing does not exist"),
        (":", &[], "KUBECONFIG names no file"),
        ("empty", &[], "empty sets no current-context"),
        (
            "dangling:good",
            &[],
            "context \"nowhere\" in dangling, good (named by current-context); use one of: no-user, no-cluster, x",
        ),
        (
            "good:dangling",
            &["--context=no-user"],
            "user \"ghost\" in good, dangling (named by context \"no-user\"); use one of: u",
        ),
        (
            "good:dangling",
            &["--context=no-cluster"],
            "cluster \"ghost\" in good, dangling (named by context \"no-cluster\"); use one of: c",
        ),
        ("expired", &[], "certificate authority"),
        (".", &[], "is a folder"),
    ] {
        let error = scene.error(kubeconfig, &[&["audit"], args].concat()).await;
        assert!(error.contains(says), "{kubeconfig} {args:?}: {error}");
    }
    let error = scene.error("good", &["audit", "--kubeconfig=missing"]).await;
    assert!(error.contains("--kubeconfig: failed to read missing"), "{error}");
    assert!(Path::new(scene.folder.path()).join("good").exists());
}

/// What was asked of whom, what came of it, and what to do: by the status, not by words.
#[tokio::test]
async fn says_why_a_server_does_not_answer_as_asked() {
    let folder = Scratch::new().unwrap();
    let run = async |server: &str, authority: &str, command: &str| {
        let config = crate::support::kubeconfig_with_token(server, authority, "secret");
        let config = folder.write("config", config).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
        program.args(command.split(' ')).arg("--kubeconfig").arg(config).env_clear();
        program.current_dir(folder.path());
        let output = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}: {error}");
        assert_eq!(error.lines().count(), 1, "{command}: {error}");
        assert!(!error.contains("secret") && !error.contains("Some("), "{command}: {error}");
        error
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = crate::support::Authority::new("other").unwrap();
    let refused = format!("https://{free}");
    let ours = ApiServer::start(&["127.0.0.1"], lists).await;
    let named = ApiServer::start(&["api.example"], lists).await;
    for command in [
        "audit",
        "issuer documents --from-cluster",
        "issuer verify https://a.example --from-cluster",
    ] {
        for (server, authority, says) in [
            (
                refused.as_str(),
                other.pem(),
                "Connection refused (os error 111); check that the API server runs",
            ),
            (
                "https://nosuch.invalid",
                other.pem(),
                "check the server in the kubeconfig, the DNS and the VPN",
            ),
            (ours.url.as_str(), other.pem(), "UnknownIssuer; check certificate-authority"),
            (named.url.as_str(), named.authority.pem(), "not valid for name"),
        ] {
            let error = run(server, authority, command).await;
            assert!(error.contains(says) && error.contains(server), "{command}: {error}");
        }
    }
    let status = |code: u16, reason: &str| {
        let message = format!("because of {code}");
        json!({"kind": "Status", "code": code, "reason": reason, "message": message}).to_string()
    };
    assert_eq!(status(401, "Unauthorized"), answer_401("").1);
    for (answer, says) in [
        (
            answer_401 as fn(&str) -> (u16, String),
            "answered 401 Unauthorized: because of 401; log in again",
        ),
        (
            |_| {
                (
                    403,
                    r#"{"kind":"Status","code":403,"reason":"Forbidden","message":"no\n"}"#
                        .to_owned(),
                )
            },
            "answered 403 Forbidden: no; grant the right to list serviceaccounts",
        ),
        (
            |_| (404, "404 page not found".to_owned()),
            "answered 404 Not Found: 404 page not found; check the server",
        ),
        (
            |_| (400, "Client sent an HTTP request".to_owned()),
            "answered 400 Bad Request: Client sent",
        ),
        (
            |_| (500, "<html>".to_owned()),
            "answered 500 Internal Server Error: 500 Internal Server Error; try again",
        ),
        (|_| (200, "<html>".to_owned()), "check that the address is that of an API server"),
    ] {
        let server = ApiServer::start(&["127.0.0.1"], answer).await;
        let error = run(&server.url, server.authority.pem(), "audit").await;
        assert!(error.contains(says), "{error}");
        assert!(says.starts_with("check") || error.contains(&server.url), "{error}");
    }
}

fn answer_401(_: &str) -> (u16, String) {
    let status = json!({"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "because of 401"});
    (401, status.to_string())
}

#[tokio::test]
async fn names_a_credential_plugin_that_gives_nothing() {
    let scene = Scene::set().await;
    let exec = |command: &str, script: &str| {
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command,
            "args": ["-c", script], "interactiveMode": "Never", "installHint": "brew install it"}})
    };
    scene.config("missing", &exec("no-such-plugin", ""), None);
    scene.config("failing", &exec("sh", "printf 'no\\033[2J session\\n' >&2; exit 1"), None);
    for (kubeconfig, says) in [
        ("missing", "no-such-plugin: No such file or directory (os error 2); brew install it"),
        ("failing", "plugin sh ended with exit code 1: no\\u{1b}[2J session; run it in a shell"),
    ] {
        for args in
            [&["audit"][..], &["doctor", "pod/x"], &["issuer", "documents", "--from-cluster"]]
        {
            let error = scene.error(kubeconfig, args).await;
            assert!(error.contains(says) && error.contains(&scene.server.url), "{args:?}: {error}");
        }
    }
}
