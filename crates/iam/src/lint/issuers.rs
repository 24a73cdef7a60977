//! What is known of an issuer by its name: whose tokens it signs, and how they tell their
//! subjects apart.

use crate::provider::BUILT_IN;

/// Whose tokens an issuer signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// Those of pods; or nothing is known of it, and most are clusters.
    Cluster,
    /// Those of a service's customers: all of them have this issuer.
    Shared(&'static Shared),
    /// Those of users and clients of one organization.
    OfOne,
    /// Those of jobs and projects of one organization: all have the same audience.
    Jobs,
}

/// An issuer that many organizations share, for which IAM wants a condition on the claim that
/// tells them apart.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shared {
    name: &'static str,
    /// Who may have its tokens, for a message.
    pub(super) everybody: &'static str,
    /// The claims, or whole condition keys, that tell its customers apart, the first as IAM wants
    /// it.
    pub(super) claims: &'static [&'static str],
    /// How its subjects begin, and what ends the customer's name in them.
    pub(super) subjects: Option<Shape>,
    /// Subjects of another customer.
    pub(super) others: &'static [&'static str],
}

/// How subjects are made: what all of them begin with, and what follows the name of the
/// namespace or customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    pub(super) end: char,
    /// What is behind the name in subjects of others.
    pub(super) rest: &'static str,
    /// The same to be filled in.
    pub(super) template: &'static str,
}

/// `system:serviceaccount:NAMESPACE:NAME`
pub(super) const OF_PODS: Shape = Shape {
    prefix: "system:serviceaccount:",
    end: ':',
    rest: "app",
    template: "system:serviceaccount:NAMESPACE:NAME",
};

const fn shape(
    prefix: &'static str,
    end: char,
    rest: &'static str,
    template: &'static str,
) -> Shape {
    Shape { prefix, end, rest, template }
}

const SUB: &[&str] = &["sub"];
const AUD: &[&str] = &["aud", "oaud", "sub", "email"];

const SHARED: [Shared; 18] = [
    Shared {
        name: "token.actions.githubusercontent.com",
        everybody: "every repository on GitHub",
        claims: &["sub", "job_workflow_ref"],
        subjects: Some(shape(
            "repo:",
            '/',
            "repo:ref:refs/heads/main",
            "repo:ORGANIZATION/REPOSITORY:*",
        )),
        others: &[
            "repo:someone-else/repo:ref:refs/heads/main",
            "repo:someone-else/repo:environment:production",
            "repo:someone-else/repo:pull_request",
        ],
    },
    Shared {
        name: "vstoken.actions.githubusercontent.com",
        everybody: "every repository on GitHub",
        claims: SUB,
        subjects: Some(shape(
            "repo:",
            '/',
            "repo:ref:refs/heads/main",
            "repo:ORGANIZATION/REPOSITORY:*",
        )),
        others: &["repo:someone-else/repo:ref:refs/heads/main"],
    },
    Shared {
        name: "oidc-configuration.audit-log.githubusercontent.com",
        everybody: "every enterprise on GitHub",
        claims: SUB,
        subjects: None,
        others: &["https://github.com/someone-else"],
    },
    Shared {
        name: "gitlab.com",
        everybody: "every project on gitlab.com",
        claims: SUB,
        subjects: Some(shape(
            "project_path:",
            '/',
            "project:ref_type:branch:ref:main",
            "project_path:GROUP/PROJECT:ref_type:branch:ref:main",
        )),
        others: &[
            "project_path:someone-else/project:ref_type:branch:ref:main",
            "project_path:someone-else/project:ref_type:tag:ref:v1",
        ],
    },
    Shared {
        name: "app.terraform.io",
        everybody: "every organization on HCP Terraform",
        claims: SUB,
        subjects: Some(shape(
            "organization:",
            ':',
            "project:a:workspace:b:run_phase:apply",
            "organization:ORGANIZATION:project:PROJECT:workspace:WORKSPACE:run_phase:*",
        )),
        others: &[
            "organization:someone-else:project:a:workspace:b:run_phase:apply",
            "organization:someone-else:project:a:workspace:b:run_phase:plan",
        ],
    },
    Shared {
        name: "agent.buildkite.com",
        everybody: "every organization on Buildkite",
        claims: SUB,
        subjects: Some(shape(
            "organization:",
            ':',
            "pipeline:a:ref:refs/heads/main:commit:b:step:c",
            "organization:ORGANIZATION:pipeline:PIPELINE:*",
        )),
        others: &["organization:someone-else:pipeline:a:ref:refs/heads/main:commit:b:step:c"],
    },
    Shared {
        name: "oidc.codefresh.io",
        everybody: "every account on Codefresh",
        claims: SUB,
        subjects: Some(shape("account:", ':', "pipeline:a", "account:ACCOUNT:pipeline:PIPELINE")),
        others: &["account:someone-else:pipeline:a"],
    },
    Shared {
        name: "scalr.io",
        everybody: "every account on Scalr",
        claims: SUB,
        subjects: Some(shape(
            "account:",
            ':',
            "environment:a:workspace:b",
            "account:ACCOUNT:environment:ENVIRONMENT:workspace:WORKSPACE",
        )),
        others: &["account:someone-else:environment:a:workspace:b"],
    },
    Shared {
        name: "studio.datachain.ai/api",
        everybody: "every team on DVC Studio",
        claims: SUB,
        subjects: None,
        others: &["credentials:someone-else/project"],
    },
    Shared {
        name: "tokens.cloud.shisho.dev",
        everybody: "every customer of Shisho Cloud",
        claims: SUB,
        subjects: None,
        others: &["job:someone-else:workflow"],
    },
    Shared {
        name: "proidc.upbound.io",
        everybody: "every organization on Upbound",
        claims: SUB,
        subjects: None,
        others: &["mcp:someone-else/control-plane:provider:provider-aws"],
    },
    Shared {
        name: "oidc.vercel.com",
        everybody: "every team on Vercel",
        claims: &["aud", "sub"],
        subjects: Some(shape(
            "owner:",
            ':',
            "project:a:environment:production",
            "owner:TEAM:project:PROJECT:environment:production",
        )),
        others: &["owner:someone-else:project:a:environment:production"],
    },
    Shared {
        name: "api.pulumi.com/oidc",
        everybody: "every organization on Pulumi Cloud",
        claims: &["aud", "sub"],
        subjects: None,
        others: &["pulumi:deploy:org:someone-else:project:a:stack:b:operation:update:scope:write"],
    },
    Shared {
        name: "sandboxes.cloud",
        everybody: "every customer of sandboxes.cloud",
        claims: &["aud", "sub"],
        subjects: None,
        others: &["someone-else"],
    },
    Shared {
        name: "cognito-identity.amazonaws.com",
        everybody: "every identity pool of every AWS account",
        claims: &["aud", "sub"],
        subjects: None,
        others: &["eu-west-1:00000000-1111-2222-3333-444444444444"],
    },
    Shared {
        name: "accounts.google.com",
        everybody: "every user of every app with Google's login",
        claims: AUD,
        subjects: None,
        others: &["100000000000000000001"],
    },
    Shared {
        name: "graph.facebook.com",
        everybody: "every user of every app with Facebook's login",
        claims: &["app_id", "id", "sub"],
        subjects: None,
        others: &["100000000000001"],
    },
    Shared {
        name: "www.amazon.com",
        everybody: "every user of every app with Amazon's login",
        claims: &["app_id", "user_id", "sub"],
        subjects: None,
        others: &["amzn1.account.OTHER"],
    },
];

/// Microsoft Sentinel's, whose tokens all have one subject.
const SENTINEL: Shared = Shared {
    name: "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d",
    everybody: "every workspace of Microsoft Sentinel",
    claims: &["sts:RoleSessionName"],
    subjects: None,
    others: &["d8d3e3a5-0000-0000-0000-000000000000"],
};

/// Hosts below which each issuer is that of one organization's users and clients.
const OF_ONE: [&str; 17] = [
    "auth0.com",
    "okta.com",
    "oktapreview.com",
    "okta-emea.com",
    "onelogin.com",
    "pingone.com",
    "pingone.eu",
    "jumpcloud.com",
    "duosecurity.com",
    "salesforce.com",
    "zitadel.cloud",
    "login.microsoftonline.com",
    "sts.windows.net",
    "securetoken.google.com",
    "appleid.apple.com",
    "oraclecloud.com",
    "supabase.co",
];

/// Hosts below which each issuer is that of one organization's jobs.
const JOBS: [&str; 12] = [
    "vstoken.dev.azure.com",
    "token.actions.githubusercontent.com",
    "oidc.vercel.com",
    "oidc.fly.io",
    "oidc.modal.com",
    "spacelift.io",
    "semaphoreci.com",
    "env0.com",
    "harness.io",
    "teleport.sh",
    "codemagic.io",
    "api.bitbucket.org",
];

impl Issuer {
    /// That of a provider's name, as in an ARN or before a claim.
    pub(super) fn of(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let lower = lower.trim_end_matches('/');
        if let Some(shared) = SHARED.iter().chain([&SENTINEL]).find(|it| it.name == lower) {
            return Self::Shared(shared);
        }
        let (host, path) = lower.split_once('/').unwrap_or((lower, ""));
        let host = host.split(':').next().unwrap_or_default();
        let is_below = |domain: &&str| {
            host == *domain
                || host.strip_suffix(*domain).is_some_and(|before| before.ends_with('.'))
        };
        let has_word =
            ["gitlab", "circleci", "bitbucket", "terraform"].iter().any(|word| host.contains(word));
        let is_user_pool = host.starts_with("cognito-idp.");
        // Keycloak, authentik and Okta.
        let has_path = path.starts_with("realms/")
            || path.contains("/realms/")
            || path.starts_with("application/o/")
            || path.starts_with("oauth2/");
        // GitHub's server for enterprises has such a path.
        if JOBS.iter().any(is_below) || has_word || path == "_services/token" {
            Self::Jobs
        } else if OF_ONE.iter().any(is_below) || is_user_pool || has_path {
            Self::OfOne
        } else {
            Self::Cluster
        }
    }

    /// That of a name that is not known, by the words of what stands for it: `${GitHubIssuer}`.
    pub(super) fn of_variable(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["github"]) {
            Self::of("token.actions.githubusercontent.com")
        } else if has(&["gitlab", "circleci", "bitbucket", "terraform_cloud"]) {
            Self::Jobs
        } else if has(&["auth0", "okta"]) {
            Self::OfOne
        } else {
            Self::Cluster
        }
    }

    /// Whether its tokens may be those of pods.
    pub(super) fn may_be_cluster(self) -> bool {
        self == Self::Cluster
    }
}

impl Shared {
    /// Whether IAM knows it without an ARN.
    pub(super) fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.name)
    }

    /// Whether IAM makes no role without a condition on its first claim.
    pub(super) fn is_enforced(&self) -> bool {
        !self.is_built_in() || self.name.starts_with("cognito")
    }

    /// Whether a claim says nothing of whose the token is, so that others have it as well.
    pub(super) fn is_anybodys(&self, claim: &str) -> bool {
        let of_jobs = [
            "ref",
            "ref_type",
            "base_ref",
            "head_ref",
            "environment",
            "event_name",
            "workflow",
            "runner_environment",
            "repository_visibility",
            // Whoever opens an issue in another's repository runs a job there.
            "actor",
            "actor_id",
        ];
        claim == "amr"
            || (claim == "aud" && self.claims[0] != "aud")
            || (self.name.contains("actions.github") && of_jobs.contains(&claim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whose_tokens_an_issuer_signs() {
        for (name, wanted) in [
            ("oidc.eks.eu-west-1.amazonaws.com/id/A", "cluster"),
            ("container.googleapis.com/v1/projects/p/locations/l/clusters/c", "cluster"),
            ("eastus.oic.prod-aks.azure.com/a/b/", "cluster"),
            ("rh-oidc.s3.us-east-1.amazonaws.com/2f", "cluster"),
            ("oidc.example.com/id/X", "cluster"),
            ("token.actions.githubusercontent.com", "shared"),
            ("Token.Actions.GitHubUserContent.com", "shared"),
            ("token.actions.githubusercontent.com/my-enterprise", "jobs"),
            ("gitlab.com", "shared"),
            ("gitlab.example.com", "jobs"),
            ("accounts.google.com", "shared"),
            ("app.terraform.io", "shared"),
            ("tenant.eu.auth0.com/", "one"),
            ("dev-1.okta.com/oauth2/default", "one"),
            ("sso.example.com/realms/aws", "one"),
            ("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/", "shared"),
            ("sts.windows.net/00000000-4d64-4f8c-a055-5bdaffd5e33d/", "one"),
            ("oidc.circleci.com/org/1", "jobs"),
            ("notauth0.com", "cluster"),
        ] {
            let found = match Issuer::of(name) {
                Issuer::Cluster => "cluster",
                Issuer::Shared(_) => "shared",
                Issuer::OfOne => "one",
                Issuer::Jobs => "jobs",
            };
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn the_subjects_of_others_have_their_shape() {
        for shared in &SHARED {
            let Some(shape) = shared.subjects else { continue };
            for other in shared.others {
                let name = other.strip_prefix(shape.prefix).and_then(|it| it.split_once(shape.end));
                assert_eq!(name.map(|(name, _)| name), Some("someone-else"), "{other}");
            }
            assert!(shape.template.starts_with(shape.prefix), "{}", shape.template);
        }
    }
}
