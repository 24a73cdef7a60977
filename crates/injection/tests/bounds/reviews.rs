//! Reviews that someone writes to hurt: each has as many as it can of the one
//! thing that it is made of. An API server sends any of them on, since mutation
//! comes before validation.

use std::fmt::Write as _;

/// A way to fill a review.
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    /// Of about so many bytes.
    pub(crate) review: fn(usize) -> String,
}

/// All of them.
pub(crate) const DIMENSIONS: [Dimension; 47] = [
    of("containers", |bytes| pod(&list("containers", bytes, |n| format!(r#"{{"name":"{n}"}}"#)))),
    of("empty containers", |bytes| pod(&list("containers", bytes, |_| "{}".to_owned()))),
    of("containers with empty lists", |bytes| {
        pod(&list("containers", bytes, |_| r#"{"env":[]}"#.to_owned()))
    }),
    of("containers with escaped names", |bytes| {
        pod(&list("containers", bytes, |_| r#"{"name":"\n"}"#.to_owned()))
    }),
    of("a container in each list", |bytes| {
        let of = |list_name| list(list_name, bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#));
        pod(&format!("{},{}", of("initContainers"), of("containers")))
    }),
    of("skipped names", |bytes| names("skip-containers", bytes, "x")),
    of("skipped names that are there", |bytes| names("skip-containers", bytes, "")),
    of("included names", |bytes| names("include-containers", bytes, "x")),
    of("included names that are there", |bytes| names("include-containers", bytes, "")),
    of("skipped and included names", |bytes| {
        let names = join(bytes / 4, |n| n.to_string());
        let annotations = format!(
            r#""eks.amazonaws.com/skip-containers":"{names}","eks.amazonaws.com/include-containers":"{names}""#
        );
        annotated(&annotations, &list("containers", bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#)))
    }),
    of("skipped names in quotes", |bytes| {
        let names = join(bytes / 2, |n| format!(r#"\"{n}\""#));
        let annotation = format!(r#""eks.amazonaws.com/skip-containers":"{names}""#);
        annotated(&annotation, &list("containers", bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#)))
    }),
    of("skipped commas", |bytes| {
        let annotation =
            format!(r#""eks.amazonaws.com/skip-containers":"{}""#, ",".repeat(bytes / 2));
        annotated(&annotation, &list("containers", bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#)))
    }),
    of("skipped commas after a quote", |bytes| {
        let annotation =
            format!(r#""eks.amazonaws.com/skip-containers":"\"a\"{}""#, ",".repeat(bytes));
        annotated(&annotation, r#""containers":[{"name":"a"}]"#)
    }),
    of("skipped names after a quote", |bytes| {
        let annotation =
            format!(r#""eks.amazonaws.com/skip-containers":"\"a\"{}""#, ",b".repeat(bytes / 2));
        annotated(&annotation, r#""containers":[{"name":"a"}]"#)
    }),
    of("a skipped name in quotes", |bytes| {
        let annotation =
            format!(r#""eks.amazonaws.com/skip-containers":"\"{}\"""#, r#"\"\""#.repeat(bytes / 4));
        annotated(&annotation, r#""containers":[{"name":"a"}]"#)
    }),
    of("quotes without an end", |bytes| {
        let annotation = format!(
            r#""eks.amazonaws.com/skip-containers":"{}a""#,
            r#"\","#.repeat((bytes / 3) | 1)
        );
        annotated(&annotation, r#""containers":[{"name":"a"}]"#)
    }),
    of("volumes", |bytes| {
        pod(&with_app(&list("volumes", bytes, |n| format!(r#"{{"name":"{n}"}}"#))))
    }),
    of("empty volumes", |bytes| pod(&with_app(&list("volumes", bytes, |_| "{}".to_owned())))),
    of("volumes of our numbered names", |bytes| {
        let taken = list("volumes", bytes, |n| match n {
            0 => r#"{"name":"aws-iam-token"}"#.to_owned(),
            n => format!(r#"{{"name":"aws-iam-token-{n}"}}"#),
        });
        pod(&with_app(&taken))
    }),
    of("volumes of our name", |bytes| {
        pod(&with_app(&list("volumes", bytes, |_| r#"{"name":"aws-iam-token"}"#.to_owned())))
    }),
    of("taken mount paths and volumes", |bytes| {
        let volumes = list("volumes", bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#));
        let mounts = list("containers", bytes / 2, |n| container(n, &mount(n)));
        pod(&format!("{volumes},{mounts}"))
    }),
    of("taken mount paths and token volumes", |bytes| {
        let volumes = list("volumes", bytes / 2, |n| {
            format!(r#"{{"name":"{n}","projected":{{"sources":[{TOKEN}]}}}}"#)
        });
        let mounts = list("containers", bytes / 2, |n| container(n, &mount(n)));
        pod(&format!("{volumes},{mounts}"))
    }),
    of("mounts of a volume of many sources", |bytes| {
        let sources = list("sources", bytes / 2, |_| "{}".to_owned());
        let volumes = format!(r#""volumes":[{{"name":"v","projected":{{{sources}}}}}]"#);
        let mount =
            r#"{"name":"v","mountPath":"/var/run/secrets/eks.amazonaws.com/serviceaccount"}"#;
        let mounts = list("containers", bytes / 2, |n| container(n, mount));
        pod(&format!("{volumes},{mounts}"))
    }),
    of("mounts of a volume of many tokens", |bytes| {
        let sources = list("sources", bytes / 2, |_| TOKEN.replace("token\"", "other\""));
        let volumes = format!(r#""volumes":[{{"name":"v","projected":{{{sources}}}}}]"#);
        let mount =
            r#"{"name":"v","mountPath":"/var/run/secrets/eks.amazonaws.com/serviceaccount"}"#;
        let mounts = list("containers", bytes / 2, |n| container(n, mount));
        pod(&format!("{volumes},{mounts}"))
    }),
    of("mounts of one container", |bytes| {
        let mounts = list("volumeMounts", bytes, |_| r#"{"name":"a","mountPath":"/"}"#.to_owned());
        pod(&format!(r#""containers":[{{"name":"a",{mounts}}}]"#))
    }),
    of("empty mounts", |bytes| {
        let mounts = list("volumeMounts", bytes, |_| "{}".to_owned());
        pod(&format!(r#""containers":[{{"name":"a",{mounts}}}]"#))
    }),
    of("variables of one container", |bytes| {
        let env = list("env", bytes, |n| format!(r#"{{"name":"A{n}","value":""}}"#));
        pod(&format!(r#""containers":[{{"name":"a",{env}}}]"#))
    }),
    of("our variables in one container", |bytes| {
        let env = list("env", bytes, |_| r#"{"name":"AWS_REGION"}"#.to_owned());
        pod(&format!(r#""containers":[{{"name":"a",{env}}}]"#))
    }),
    of("containers with credentials of their own", |bytes| {
        pod(&list("containers", bytes, |n| {
            let env = r#"{"name":"AWS_ACCESS_KEY_ID","value":"a"},{"name":"AWS_ROLE_ARN"},{"name":"AWS_WEB_IDENTITY_TOKEN_FILE","value":"/x"}"#;
            format!(r#"{{"name":"{n}","env":[{env}],"volumeMounts":[{}]}}"#, mount(n))
        }))
    }),
    of("containers that are complete", |bytes| {
        let volume = format!(r#"{{"name":"aws-iam-token","projected":{{"sources":[{TOKEN}]}}}}"#);
        let all = list("containers", bytes, |_| {
            let mount = r#"{"name":"aws-iam-token","mountPath":"/var/run/secrets/eks.amazonaws.com/serviceaccount"}"#;
            format!(r#"{{"env":[{{"name":"AWS_ROLE_ARN"}}],"volumeMounts":[{mount}]}}"#)
        });
        pod(&format!(r#""volumes":[{volume}],{all}"#))
    }),
    of("sources of variables", |bytes| {
        let from = list("envFrom", bytes, |_| r#"{"prefix":"AWS_"}"#.to_owned());
        pod(&format!(r#""containers":[{{"name":"a",{from}}}]"#))
    }),
    of("containers with a source of variables", |bytes| {
        pod(&list("containers", bytes, |_| r#"{"envFrom":[{}]}"#.to_owned()))
    }),
    of("read-only volumes above the token's path", |bytes| {
        let volumes = list("volumes", bytes / 2, |n| format!(r#"{{"name":"{n}","secret":{{}}}}"#));
        let above = |n| format!(r#"{{"name":"{n}","mountPath":"/run/secrets"}}"#);
        let mounts = list("containers", bytes / 2, |n| container(n, &above(n)));
        pod(&format!("{volumes},{mounts}"))
    }),
    of("a token file under none of many mounts", |bytes| {
        let path = "/a".repeat(2_000);
        let env = format!(
            r#"{{"name":"AWS_ROLE_ARN","value":"a"}},{{"name":"AWS_WEB_IDENTITY_TOKEN_FILE","value":"{path}"}}"#
        );
        let mounts = list("volumeMounts", bytes, |_| r#"{"name":"a","mountPath":"/b"}"#.to_owned());
        pod(&format!(r#""containers":[{{"name":"a","env":[{env}],{mounts}}}]"#))
    }),
    of("token files of many folders", |bytes| {
        pod(&list("containers", bytes, |n| {
            let path = "/a/..".repeat(800);
            let env = format!(
                r#"{{"name":"AWS_ROLE_ARN","value":"a"}},{{"name":"AWS_WEB_IDENTITY_TOKEN_FILE","value":"{path}"}}"#
            );
            format!(r#"{{"name":"{n}","env":[{env}],"volumeMounts":[{}]}}"#, mount(n))
        }))
    }),
    of("mount paths of many folders", |bytes| {
        let path = "/run/..".repeat(500);
        let above = format!(r#"{{"name":"a","mountPath":"{path}"}}"#);
        pod(&list("containers", bytes, |n| container(n, &above)))
    }),
    of("ephemeral containers, old and new", |bytes| {
        let of = |from: usize| {
            list("ephemeralContainers", bytes / 2, move |n| format!(r#"{{"name":"{}"}}"#, n + from))
        };
        let volume = format!(r#"{{"name":"aws-iam-token","projected":{{"sources":[{TOKEN}]}}}}"#);
        review(
            r#""operation":"UPDATE","subResource":"ephemeralcontainers""#,
            &format!(r#"{{"spec":{{"volumes":[{volume}],{}}}}}"#, of(0)),
            &format!(r#"{{"spec":{{{}}}}}"#, of(50_000_000)),
        )
    }),
    of("annotations", |bytes| {
        annotated(&join(bytes, |n| format!(r#""{n:010}":"""#)), r#""containers":[{"name":"a"}]"#)
    }),
    of("annotations of one name", |bytes| {
        let one = |_| r#""eks.amazonaws.com/skip-containers":"a""#.to_owned();
        annotated(&join(bytes, one), r#""containers":[{"name":"a"}]"#)
    }),
    of("terms of an affinity", |bytes| {
        affinity(&list("nodeSelectorTerms", bytes, |_| r#"{"matchExpressions":[{}]}"#.to_owned()))
    }),
    of("values of an affinity", |bytes| {
        let values = list("values", bytes, |_| r#""windows""#.to_owned());
        let expression = format!(r#"{{"key":"kubernetes.io/os","operator":"In",{values}}}"#);
        affinity(&format!(r#""nodeSelectorTerms":[{{"matchExpressions":[{expression}]}}]"#))
    }),
    of("spaces", |bytes| pod(&list("containers", bytes, |n| format!("{{\"name\": \n\"{n}\"}}")))),
    of("one name, all escapes", |bytes| {
        let name = r"\u0061".repeat(bytes / 6);
        pod(&format!(
            r#""containers":[{{"name":"{name}","env":[{{"name":"AWS_ACCESS_KEY_ID"}}]}}]"#
        ))
    }),
    of("a long number", |bytes| {
        pod(&format!(r#""containers":[],"priority":{}"#, "9".repeat(bytes)))
    }),
    of("deep lists", |bytes| {
        let (open, close) = ("[".repeat(bytes / 2), "]".repeat(bytes / 2));
        pod(&format!(r#""containers":[],"x":{open}{close}"#))
    }),
    of("a list that is a long text", |bytes| {
        pod(&format!(r#""containers":"{}""#, r"\u200b".repeat(bytes / 6)))
    }),
    of("a member twice, at the end", |bytes| {
        let containers = list("containers", bytes, |n| format!(r#"{{"name":"{n}"}}"#));
        pod(&format!(r#"{containers},"containers":[]"#))
    }),
];

const TOKEN: &str = r#"{"serviceAccountToken":{"path":"token","audience":"other"}}"#;

const fn of(name: &'static str, review: fn(usize) -> String) -> Dimension {
    Dimension { name, review }
}

/// Items with commas, `bytes` of them.
fn join(bytes: usize, item: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 256);
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&item(n));
    }
    text
}

fn list(name: &str, bytes: usize, item: impl Fn(usize) -> String) -> String {
    format!(r#""{name}":[{}]"#, join(bytes, item))
}

fn container(n: usize, mount: &str) -> String {
    format!(r#"{{"name":"{n}","volumeMounts":[{mount}]}}"#)
}

fn mount(n: usize) -> String {
    format!(r#"{{"name":"{n}","mountPath":"/var/run/secrets/eks.amazonaws.com/serviceaccount"}}"#)
}

fn with_app(spec: &str) -> String {
    format!(r#""containers":[{{"name":"app"}}],{spec}"#)
}

fn names(annotation: &str, bytes: usize, prefix: &str) -> String {
    let names = join(bytes / 2, |n| format!("{prefix}{n}"));
    let containers = list("containers", bytes / 2, |n| format!(r#"{{"name":"{n}"}}"#));
    annotated(&format!(r#""eks.amazonaws.com/{annotation}":"{names}""#), &containers)
}

fn affinity(terms: &str) -> String {
    let required = format!(r#""requiredDuringSchedulingIgnoredDuringExecution":{{{terms}}}"#);
    pod(&with_app(&format!(r#""affinity":{{"nodeAffinity":{{{required}}}}}"#)))
}

fn annotated(annotations: &str, spec: &str) -> String {
    let object = format!(r#"{{"metadata":{{"annotations":{{{annotations}}}}},"spec":{{{spec}}}}}"#);
    review(r#""operation":"CREATE""#, &object, "null")
}

/// The review of the creation of a pod with that spec.
pub(crate) fn pod(spec: &str) -> String {
    review(r#""operation":"CREATE""#, &format!(r#"{{"metadata":{{}},"spec":{{{spec}}}}}"#), "null")
}

fn review(asked: &str, object: &str, old_object: &str) -> String {
    let mut review = String::new();
    write!(
        review,
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u-1","namespace":"demo",{asked},"kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"object":{object},"oldObject":{old_object}}}}}"#
    )
    .unwrap();
    review
}
