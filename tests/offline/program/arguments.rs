//! Arguments as kubectl takes them: objects, files, folders, URLs, and the version.

use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::recording_api_server::ApiServer;
use crate::support::Scratch;

fn program(folder: &Scratch, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.args(args).current_dir(folder.path()).env_clear().stdin(Stdio::null());
    command.env("HOME", folder.path());
    command
}

fn run(folder: &Scratch, args: &[&str]) -> (i32, String, String) {
    ended(program(folder, args).output().unwrap())
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn tells_its_version_wherever_it_is_asked() {
    let folder = Scratch::new().unwrap();
    let version = concat!("pod-identity-webhook ", env!("CARGO_PKG_VERSION"), "\n");
    for args in [
        "version",
        "--version",
        "-V",
        "serve --version",
        "doctor --version",
        "audit --version",
        "inject --version",
        "iam --version",
        "iam lint --version",
        "issuer verify --version",
        "certs init --version",
        "completion --version",
        "man --version",
    ] {
        let ran = run(&folder, &args.split(' ').collect::<Vec<_>>());
        assert_eq!(ran, (0, version.to_owned(), String::new()), "{args}");
    }
}

fn pod(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "c", "image": "i"}]}})
    .to_string()
}

fn explained(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(object, _)| object)
        .filter(|object| object.starts_with("Pod"))
        .collect()
}

#[test]
fn injects_what_folders_and_several_files_have() {
    let folder = Scratch::new().unwrap();
    std::fs::create_dir_all(folder.path().join("all/inner")).unwrap();
    std::fs::create_dir_all(folder.path().join("none/inner")).unwrap();
    folder.write("sa.yaml", "kind: ServiceAccount\napiVersion: v1\nmetadata: {name: app, namespace: shop, annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app'}}\n").unwrap();
    for (file, name) in [
        ("all/b.yaml", "b"),
        ("all/a.json", "a"),
        ("all/inner/c.yml", "c"),
        ("none/inner/d.yml", "d"),
    ] {
        folder.write(file, pod(name)).unwrap();
    }
    folder.write("all/notes.txt", "no manifest: [").unwrap();
    folder.write("empty.yaml", "# nothing\n---\n").unwrap();
    std::os::unix::fs::symlink("..", folder.path().join("all/inner/loop")).unwrap();
    for (args, wanted) in [
        (&["-f", "all"][..], &["Pod a", "Pod b"][..]),
        (&["-f", "all", "-R"], &["Pod a", "Pod b", "Pod c"]),
        (&["-R", "--filename=all/"], &["Pod a", "Pod b", "Pod c"]),
        (&["-f", "all/inner/c.yml", "-f", "all"], &["Pod c", "Pod a", "Pod b"]),
        (&["-f", "empty.yaml", "-f", "all/b.yaml"], &["Pod b"]),
        (&["-f", "none", "--recursive"], &["Pod d"]),
    ] {
        let all = [&["inject", "-o", "explain", "--service-accounts=sa.yaml"], args].concat();
        let (exit, out, errors) = run(&folder, &all);
        assert_eq!(exit, 0, "{args:?}: {errors}");
        assert_eq!(explained(&out), wanted, "{args:?}: {out}");
    }
    for (args, says) in [
        (&["-f", "none"][..], "no .json, .yaml or .yml file is in the folder; -R also"),
        (&["-f", "empty.yaml"], "no objects in empty.yaml"),
        (&["-f", "-"], "no objects in standard input"),
        (&["-f", "missing"], "failed to read missing"),
    ] {
        let (exit, out, error) = run(&folder, &[&["inject"], args].concat());
        assert_eq!((exit, out.as_str()), (2, ""), "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn injects_what_a_url_has() {
    let server = ApiServer::start(&["127.0.0.1"], |path| match path {
        "/pod.json" => (200, pod("far")),
        _ => (404, "none".to_owned()),
    })
    .await;
    let folder = Scratch::new().unwrap();
    folder.write("ca.crt", server.authority.pem()).unwrap();
    folder
        .write(
            "sa.yaml",
            "kind: ServiceAccount\napiVersion: v1\nmetadata: {name: app, namespace: shop}\n",
        )
        .unwrap();
    let get = async |path: &str, trusts: bool| {
        let url = format!("{}{path}", server.url);
        let args = ["inject", "-o", "explain", "--service-accounts=sa.yaml", "-f", &url];
        let mut command = program(&folder, &args);
        if trusts {
            command.env("SSL_CERT_FILE", "ca.crt");
        }
        ended(tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap())
    };
    let (exit, out, errors) = get("/pod.json?a=b", true).await;
    assert_eq!((exit, explained(&out)), (0, vec!["Pod far"]), "{out}{errors}");
    for (path, trusts, says) in [
        ("/pod.json", false, "UnknownIssuer"),
        ("/other", true, "the response is 404 Not Found; check the URL"),
    ] {
        let (exit, _, error) = get(path, trusts).await;
        assert_eq!(exit, 2, "{error}");
        assert!(error.contains(says) && error.contains(&server.url), "{error}");
    }
}

#[test]
fn takes_objects_as_kubectl_does_and_says_what_is_none() {
    let folder = Scratch::new().unwrap();
    for good in ["deployment.apps/x", "deploy/x", "deploy x", "sts x", "pods x", "cronjob.batch/x"]
    {
        let args = [&["doctor"], good.split(' ').collect::<Vec<_>>().as_slice()].concat();
        let (exit, _, error) = run(&folder, &args);
        // The arguments are good, and there is no cluster.
        assert!(exit == 2 && error.contains("failed to find a kubeconfig"), "{good}: {error}");
    }
    for (bad, says) in [
        ("x", "write TYPE/NAME or TYPE NAME"),
        ("deploymnet x", "did you mean deployment?"),
        ("node/x", "unknown type \"node\": use pod"),
        ("pod/x pod/y", "more than one target"),
        ("pod/x --namspace=y", "'--namespace'"),
        ("pod/x -n Y", "invalid value 'Y' for '--namespace'"),
    ] {
        let args = [&["doctor"], bad.split(' ').collect::<Vec<_>>().as_slice()].concat();
        let (exit, _, error) = run(&folder, &args);
        assert_eq!(exit, 64, "{bad}: {error}");
        assert!(
            error.contains(says) && error.contains("pod-identity-webhook doctor"),
            "{bad}: {error}"
        );
    }
}
