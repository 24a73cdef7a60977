//! What stands below the flags of each command, in `--help` and in the manual pages.

/// What is to be said of a command beside its flags.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The names that lead to the command; none lead to the program itself.
    pub path: &'static [&'static str],
    /// What it is good for, and the command line; the program is called `PROGRAM`.
    pub examples: &'static [(&'static str, &'static str)],
    /// The exit status, and what it means here.
    pub exits: &'static [(u8, &'static str)],
    /// Variables that are read, but not the values of flags.
    pub environment: &'static [(&'static str, &'static str)],
    /// Whether all flags are variables, by the one rule; else those that are, by name.
    pub has_variables: bool,
}

const USAGE: (u8, &str) = (64, "the command line is wrong");

const KUBECONFIG: (&str, &str) = ("KUBECONFIG", "kubeconfig files, as for kubectl");

const METADATA: (&str, &str) =
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "where the account is asked for");

const ROOTS: (&str, &str) = ("SSL_CERT_FILE", "CA certificates that servers must chain to");

/// Of a group, whose commands have pages of their own.
const fn group(path: &'static [&'static str]) -> Page {
    Page {
        path,
        examples: &[],
        exits: &[
            (0, "nothing is wrong"),
            (1, "something is wrong"),
            (2, "it can't be told"),
            USAGE,
        ],
        environment: &[],
        has_variables: false,
    }
}

const PAGES: [Page; 19] = [
    Page {
        path: &[],
        examples: &[
            ("Why does this pod get no AWS credentials?", "PROGRAM doctor pod/app -n shop"),
            ("Which pods have to be restarted?", "PROGRAM audit -A"),
            ("What would the webhook change?", "PROGRAM inject -f deployment.yaml -o diff"),
            ("Is this trust policy right?", "PROGRAM iam lint trust.json"),
        ],
        exits: &[
            (0, "done, and nothing is wrong"),
            (1, "something is wrong, or could not be made"),
            (2, "it can't be told: something could not be read or asked"),
            USAGE,
        ],
        environment: &[KUBECONFIG, ("NO_COLOR", "if it is set, text has no colours")],
        has_variables: true,
    },
    Page {
        path: &["serve"],
        examples: &[
            (
                "In a cluster, with certificates of its own",
                "PROGRAM serve --namespace pod-identity-webhook --port 8443",
            ),
            (
                "On this machine, for ServiceAccounts in files",
                "PROGRAM serve --service-accounts accounts/ --port 8443 \\\n  --tls-cert certs/tls.crt --tls-key certs/tls.key --log-format text",
            ),
        ],
        exits: &[
            (0, "stopped by SIGTERM or SIGINT, after all requests were answered"),
            (1, "failed to start, or stopped because of an error"),
            USAGE,
        ],
        environment: &[METADATA],
        has_variables: true,
    },
    Page {
        path: &["doctor"],
        examples: &[
            ("Why does this pod get no AWS credentials?", "PROGRAM doctor pod/app -n shop"),
            (
                "With what IAM says of its role",
                "aws iam get-role --role-name app > role.json\nPROGRAM doctor deployment/app -n shop --role-json role.json",
            ),
            ("All ServiceAccounts with a role, the worst first", "PROGRAM doctor -A"),
            (
                "Take the facts along, and look at them elsewhere",
                "PROGRAM doctor pod/app -n shop --save facts\nPROGRAM doctor --from-dir facts",
            ),
        ],
        exits: &[
            (0, "no check failed"),
            (1, "a check failed"),
            (2, "no check failed, but something could not be checked"),
            USAGE,
        ],
        environment: &[KUBECONFIG, METADATA, ROOTS],
        has_variables: false,
    },
    Page {
        path: &["audit"],
        examples: &[
            ("All pods of the cluster", "PROGRAM audit -A"),
            ("Those of one namespace, for a script", "PROGRAM audit -n shop -o json"),
            (
                "What would a restart do, and what would it leave alone?",
                "PROGRAM audit -A --restart",
            ),
            ("Do it, with five pods a minute", "PROGRAM audit -A --restart --yes --per-minute 5"),
        ],
        exits: &[
            (0, "no pod lacks anything; with --yes, all that did are restarted"),
            (1, "some pods do; with --yes, some of these could not be restarted"),
            (2, "something could not be checked, or a right is missing"),
            USAGE,
            (130, "with --yes, stopped by Ctrl-C before the end"),
        ],
        environment: &[KUBECONFIG, METADATA],
        has_variables: false,
    },
    Page {
        path: &["inject"],
        examples: &[
            ("What would the webhook change?", "PROGRAM inject -f deployment.yaml -o diff"),
            ("What each container gets, and why", "PROGRAM inject -f pod.yaml -o explain"),
            (
                "Without a cluster, and with an error for pods without an identity",
                "helm template . | PROGRAM inject -f - \\\n  --service-accounts accounts/ --required",
            ),
        ],
        exits: &[
            (0, "the webhook would admit all pods"),
            (1, "it would refuse one, or could not answer"),
            (2, "a file or a ServiceAccount could not be read"),
            USAGE,
        ],
        environment: &[KUBECONFIG, METADATA],
        has_variables: false,
    },
    group(&["iam"]),
    Page {
        path: &["iam", "role"],
        examples: &[
            (
                "As commands of the AWS CLI",
                "PROGRAM iam role --issuer https://oidc.example.com/id/X -n shop \\\n  --service-account app --account-id 111122223333 -o cli",
            ),
            (
                "As Terraform, for a provider that exists",
                "PROGRAM iam role --issuer https://oidc.example.com/id/X -n shop \\\n  --service-account app --existing-provider -o terraform",
            ),
        ],
        exits: &[(0, "the role was printed"), (2, "the file of --policy is of no use"), USAGE],
        environment: &[],
        has_variables: false,
    },
    Page {
        path: &["iam", "lint"],
        examples: &[
            ("Files and folders", "PROGRAM iam lint trust.json terraform/ charts/values.yaml"),
            ("The role of an account", "aws iam get-role --role-name app | PROGRAM iam lint -"),
            ("In GitHub Actions", "PROGRAM iam lint --strict -o github iam/"),
        ],
        exits: &[
            (0, "no mistake; without --strict there may be warnings"),
            (1, "an error; with --strict, also a warning"),
            (2, "a file could not be read, or no file has anything to lint"),
            USAGE,
        ],
        environment: &[],
        has_variables: false,
    },
    Page {
        path: &["iam", "simulate"],
        examples: &[
            (
                "For a token of the ServiceAccount",
                "kubectl create token app -n shop --audience sts.amazonaws.com > token\nPROGRAM iam simulate --trust-policy trust.json --token token",
            ),
            (
                "For claims",
                "PROGRAM iam simulate --trust-policy trust.json \\\n  --issuer https://oidc.example.com/id/X --aud sts.amazonaws.com \\\n  --sub system:serviceaccount:shop:app",
            ),
        ],
        exits: &[
            (0, "allowed"),
            (1, "denied"),
            (2, "unknown: a file is of no use, or it depends on what only AWS knows"),
            USAGE,
        ],
        environment: &[],
        has_variables: false,
    },
    group(&["issuer"]),
    Page {
        path: &["issuer", "documents"],
        examples: &[
            (
                "For the keys of the cluster, in the bucket of its issuer",
                "PROGRAM issuer documents --from-cluster --out issuer",
            ),
            (
                "For key files, on any web server",
                "PROGRAM issuer documents --issuer https://oidc.example.com/id/X \\\n  --key sa.pub --hosting static",
            ),
        ],
        exits: &[
            (0, "the documents are written"),
            (1, "refused: published keys would be dropped, or another document replaced"),
            (2, "a key, folder or cluster could not be read or written"),
            USAGE,
        ],
        environment: &[KUBECONFIG],
        has_variables: false,
    },
    Page {
        path: &["issuer", "verify"],
        examples: &[
            ("As AWS sees it", "PROGRAM issuer verify https://oidc.example.com/id/X"),
            (
                "With a token of the cluster",
                "PROGRAM issuer verify https://oidc.example.com/id/X \\\n  --from-cluster",
            ),
        ],
        exits: &[
            (0, "no check failed"),
            (1, "a check failed"),
            (2, "a file or the cluster could not be read"),
            USAGE,
        ],
        environment: &[KUBECONFIG, ROOTS],
        has_variables: false,
    },
    Page {
        path: &["issuer", "rotate"],
        examples: &[
            (
                "The plan, and how far it is",
                "PROGRAM issuer rotate --old-key old.pub --new-key new.pub \\\n  --from-cluster",
            ),
            (
                "One step, which is refused while it would break pods",
                "PROGRAM issuer rotate --old-key old.pub --new-key new.pub \\\n  --from-cluster --issuer https://oidc.example.com/id/X --step sign",
            ),
        ],
        exits: &[
            (0, "the plan was printed, whatever is left to do"),
            (1, "tokens are refused now, or the step would break some"),
            (2, "a key, the issuer or the cluster could not be read"),
            USAGE,
        ],
        environment: &[KUBECONFIG, ROOTS],
        has_variables: false,
    },
    Page {
        path: &["issuer", "migrate"],
        examples: &[(
            "The plan, and how far it is",
            "PROGRAM issuer migrate --from https://old.example.com \\\n  --to https://new.example.com --from-cluster",
        )],
        exits: &[
            (0, "the plan was printed, whatever is left to do"),
            (1, "tokens are refused now, or the step would break some"),
            (2, "a file or the cluster could not be read"),
            USAGE,
        ],
        environment: &[KUBECONFIG, ROOTS],
        has_variables: false,
    },
    group(&["certs"]),
    Page {
        path: &["certs", "init"],
        examples: &[(
            "For a webhook that the API server reaches by a name and an address",
            "PROGRAM certs init --name webhook.example.com --name 192.0.2.10",
        )],
        exits: &[(0, "the files are written"), (1, "they could not be written"), USAGE],
        environment: &[],
        has_variables: false,
    },
    Page {
        path: &["completion"],
        examples: &[
            ("In bash, for this shell", "source <(PROGRAM completion bash)"),
            ("In zsh, for every shell", "PROGRAM completion zsh > \"${fpath[1]}/_PROGRAM\""),
            (
                "In fish, for every shell",
                "PROGRAM completion fish \\\n  > ~/.config/fish/completions/PROGRAM.fish",
            ),
        ],
        exits: &[(0, "the script was printed"), (1, "it could not be printed"), USAGE],
        environment: &[],
        has_variables: false,
    },
    Page {
        path: &["man"],
        examples: &[("For all users", "PROGRAM man --out /usr/local/share/man/man1")],
        exits: &[(0, "the pages are written"), (1, "they could not be written"), USAGE],
        environment: &[],
        has_variables: false,
    },
    Page {
        path: &["version"],
        examples: &[],
        exits: &[(0, "the version was printed"), USAGE],
        environment: &[],
        has_variables: false,
    },
];

/// What is to be said of a command, by the names that lead to it.
#[must_use]
pub fn page(path: &[&str]) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.path == path)
}

/// The rule by which every flag of `serve` is a variable.
const RULE: &str = "Every flag of serve is also a variable: PODID_ and its name in upper case, \
    with _ for -. --metrics-port is PODID_METRICS_PORT. A flag overrides its variable.";

/// Columns of what stands below the flags.
const WIDTH: usize = 78;

impl Page {
    /// The command lines of an example, with the program's name in them.
    pub(super) fn lines(line: &str, program: &str) -> String {
        // A file's name has no space.
        let file = program.replace(' ', "-");
        line.replace("/_PROGRAM", &format!("/_{file}"))
            .replace("/PROGRAM.", &format!("/{file}."))
            .replace("PROGRAM", program)
    }

    /// As it stands below the flags; `variables` are those of the flags.
    pub(super) fn text(&self, program: &str, variables: &[String]) -> String {
        let mut text = String::new();
        if !self.examples.is_empty() {
            text.push_str("Examples:\n");
        }
        for (what, line) in self.examples {
            let line = Self::lines(line, program).replace('\n', "\n  ");
            text.extend(["  # ", what, "\n  ", &line, "\n\n"]);
        }
        text.push_str("Exit status:\n");
        for (code, meaning) in self.exits {
            text.extend(["  ", &format!("{code:<3}"), " ", meaning, "\n"]);
        }
        let flags = self.flags(variables);
        if self.environment.is_empty() && flags.is_none() {
            return text;
        }
        text.push_str("\nEnvironment:\n");
        let width = self.environment.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, meaning) in self.environment {
            text.extend(["  ", &format!("{name:<width$}"), "  ", meaning, "\n"]);
        }
        for line in flags.iter().flat_map(|flags| filled(flags)) {
            text.extend(["  ", &line, "\n"]);
        }
        text
    }

    /// What is to be said of variables that set flags.
    pub(super) fn flags(&self, variables: &[String]) -> Option<String> {
        if self.has_variables {
            return Some(RULE.to_owned());
        }
        let all = variables.join(", ");
        (!all.is_empty()).then(|| format!("Flags can be set by {all}."))
    }
}

/// Lines of whole words.
fn filled(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH - 2 => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
