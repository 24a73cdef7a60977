//! Policies in which nothing is wrong, in the patterns of well-known projects and providers.

use super::{Row, calling, row};

const NONE: &[&str] = &[];

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // EBS CSI, LB controller, Karpenter, external-dns, velero, Loki, autoscaler, cert-manager.
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com", "E:sub": "system:serviceaccount:kube-system:ebs-csi-controller-sa"}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com", "E:sub": ["system:serviceaccount:kube-system:ebs-csi-controller-sa", "system:serviceaccount:kube-system:ebs-csi-node-sa"]}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com", "E:sub": "system:serviceaccount:kube-system:aws-load-balancer-controller"}}"#, NONE),
    row("E", r#"{"StringLike": {"E:aud": "sts.amazonaws.com", "E:sub": "system:serviceaccount:kube-system:efs-csi-*"}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com", "E:sub": "system:serviceaccount:karpenter:karpenter"}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:sub": "system:serviceaccount:external-dns:external-dns", "E:aud": "sts.amazonaws.com"}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com"}, "StringLike": {"E:sub": "system:serviceaccount:velero:velero-server"}}"#, NONE),
    row("E", r#"{"StringLike": {"E:sub": "system:serviceaccount:loki:loki*", "E:aud": "sts.amazonaws.com"}}"#, NONE),
    row("E", r#"{"StringEquals": {"E:aud": "sts.amazonaws.com", "E:sub": "system:serviceaccount:kube-system:cluster-autoscaler"}}"#, NONE),
    row("E", r#"{"ForAnyValue:StringEquals": {"E:sub": ["system:serviceaccount:cert-manager:cert-manager"]}, "StringEquals": {"E:aud": "sts.amazonaws.com"}}"#, NONE),
    row("E", r#"{"StringEqualsIgnoreCase": {"E:aud": "STS.amazonaws.com", "E:sub": "system:serviceaccount:DEMO:App"}}"#, NONE),
    // ROSA, kOps, CAPA, AKS.
    row("R", r#"{"StringEquals": {"R:aud": ["openshift", "sts.amazonaws.com"], "R:sub": ["system:serviceaccount:openshift-image-registry:cluster-image-registry-operator", "system:serviceaccount:openshift-image-registry:registry"]}}"#, NONE),
    row("R", r#"{"StringEquals": {"R:aud": "openshift", "R:sub": "system:serviceaccount:openshift-logging:logcollector"}}"#, NONE),
    row("K", r#"{"StringEquals": {"K:aud": "amazonaws.com", "K:sub": "system:serviceaccount:kube-system:aws-node-termination-handler"}}"#, NONE),
    row("K", r#"{"StringEquals": {"K:aud": "amazonaws.com"}, "StringLike": {"K:sub": "system:serviceaccount:team-*:*"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "ForAnyValue:StringLike": {"P:sub": ["system:serviceaccount:capa-system:capa-controller-manager", "system:serviceaccount:capi-*:*"]}}"#, NONE),
    row("Z", r#"{"StringEquals": {"Z:aud": "sts.amazonaws.com", "Z:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    // A namespace, several names, several conditions that all have to hold.
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:demo:*"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:demo:app-*"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:demo-*:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "*:demo:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "s*"}, "StringEqualsIgnoreCase": {"P:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:*:app"}, "ForAnyValue:StringLike": {"P:sub": "system:serviceaccount:demo:*"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "system:serviceaccount:demo:*"}, "StringNotLike": {"P:sub": "system:serviceaccount:demo:default"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "Null": {"P:sub": "false"}}"#, NONE),
    row("P", r#"{"StringEquals": {"OIDC.example.com/id/X:AUD": "sts.amazonaws.com", "oidc.EXAMPLE.com/id/x:Sub": "system:serviceaccount:demo:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:oaud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    row("P", r#"{"StringLike": {"P:aud": "sts.*", "P:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": ["vault", "sts.amazonaws.com"], "P:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app", "aws:SourceVpc": "vpc-1"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "Bool": {"aws:SecureTransport": "${aws:PrincipalTag/secure}"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}}"#, &["value-doubtful"]),
    // Whoever has no such key meets both.
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}, "StringNotEquals": {"aws:SourceVpc": "vpc-1"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "NumericLessThanIfExists": {"aws:MultiFactorAuthAge": "60"}, "NumericGreaterThanIfExists": {"aws:MultiFactorAuthAge": "90"}}"#, NONE),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}, "StringEqualsIfExists": {"P:email": "a@example.com"}, "StringNotEquals": {"P:email": "a@example.com"}}"#, NONE),
    calling("P", r#"["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]"#, r#"{"StringEquals": {"P:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    calling("P", r#""sts:TagSession""#, "", NONE),
    calling("P", r#"["sts:TagSession", "sts:SetSourceIdentity"]"#, r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}}"#, NONE),
    row("PQ", r#"{"StringEqualsIfExists": {"P:aud": "sts.amazonaws.com", "Q:aud": "sts.amazonaws.com", "P:sub": "system:serviceaccount:demo:app", "Q:sub": "system:serviceaccount:demo:app"}}"#, NONE),
    // What is not known.
    row(r#"{"Federated": "${var.provider_arn}"}"#, r#"{"StringEquals": {"${var.issuer}:aud": "sts.amazonaws.com", "${var.issuer}:sub": "system:serviceaccount:demo:app"}}"#, &["placeholder"]),
    row("P", r#"{"StringEquals": {"P:aud": "sts.amazonaws.com"}, "StringLike": {"P:sub": "${var.subject}"}}"#, &["placeholder"]),
    row(r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/${Auth0}"}"#, r#"{"StringEquals": {"${Auth0}:aud": "client-id"}}"#, &["placeholder"]),
    row(r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/${GitHub}"}"#, r#"{"StringEquals": {"${GitHub}:aud": "sts.amazonaws.com"}, "StringLike": {"${GitHub}:sub": "repo:org/repo:*"}}"#, &["placeholder"]),
    // GitHub Actions.
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": "repo:org@*/repo@*:ref:refs/heads/main"}}"#, NONE),
    row("C", r#"{"StringLike": {"C:aud": "us-east-1:12345678-abcd-*"}}"#, NONE),
    row("D", r#"{"StringEquals": {"D:aud": "c.apps.googleusercontent.com"}, "StringEqualsIfExists": {"D:email": "a@example.com"}}"#, NONE),
    calling(r#"{"Service": ["ec2.amazonaws.com.cn", "ec2.c2s.ic.gov", "ec2.amazonaws.eu"]}"#, r#""sts:AssumeRole""#, "", NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com", "G:sub": "repo:org/repo:ref:refs/heads/main"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": "repo:org/repo:*"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": ["repo:org/repo:*", "repo:org/other-*:environment:prod"]}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": "repo:org/*"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "https://github.com/org", "G:sub": "repo:org/repo:environment:production"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com.cn"}, "StringLike": {"G:sub": "repo:org/repo:*"}}"#, NONE),
    row("G", r#"{"ForAllValues:StringEquals": {"G:aud": "sts.amazonaws.com"}, "StringLike": {"G:sub": "repo:org/repo:*"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com", "G:job_workflow_ref": "org/repo/.github/workflows/deploy.yml@refs/heads/main"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com", "G:actor": "octocat", "G:sub": "repo:org/repo:ref:refs/heads/main"}}"#, NONE),
    row("G", r#"{"StringEquals": {"G:aud": "sts.amazonaws.com", "G:repository": "org/repo"}, "StringLike": {"G:sub": "repo:org/repo:*"}}"#, NONE),
    // GitLab, HCP Terraform, Buildkite, Vercel, Pulumi.
    row("L", r#"{"StringEquals": {"L:aud": "https://gitlab.com", "L:sub": "project_path:group/project:ref_type:branch:ref:main"}}"#, NONE),
    row("L", r#"{"StringEquals": {"L:aud": "https://gitlab.com"}, "StringLike": {"L:sub": "project_path:group/*:ref_type:branch:ref:*"}}"#, NONE),
    row("L", r#"{"ForAnyValue:StringEquals": {"L:sub": ["project_path:group/project:ref_type:tag:ref:v1"]}, "StringEquals": {"L:aud": "https://gitlab.com"}}"#, NONE),
    row("S", r#"{"StringEquals": {"S:aud": "https://gitlab.example.com"}, "StringLike": {"S:sub": "project_path:group/project:*"}}"#, NONE),
    row("S", r#"{"StringEquals": {"S:aud": "https://gitlab.example.com"}}"#, &["job-not-tested"]),
    row("T", r#"{"StringEquals": {"T:aud": "aws.workload.identity"}, "StringLike": {"T:sub": "organization:org:project:*:workspace:*:run_phase:*"}}"#, NONE),
    row("B", r#"{"StringEquals": {"B:aud": "sts.amazonaws.com"}, "StringLike": {"B:sub": "organization:org:pipeline:deploy:*"}}"#, NONE),
    row("V", r#"{"StringEquals": {"V:aud": "https://vercel.com/team", "V:sub": "owner:team:project:app:environment:production"}}"#, NONE),
    row("U", r#"{"StringEquals": {"U:aud": "aws:org"}}"#, NONE),
    // Auth0 and others for people and clients.
    row("A", r#"{"StringEquals": {"A:aud": "client-id"}}"#, NONE),
    row("A", r#"{"StringEquals": {"A:aud": "client-id", "A:sub": "auth0|5f7c8ec7c33c6c004bbafe82"}}"#, NONE),
    row("A", r#"{"StringEquals": {"A:aud": "client-id"}, "StringLike": {"A:sub": "auth0|*"}}"#, NONE),
    row("A", r#"{"StringEquals": {"A:aud": "sts.amazonaws.com", "A:sub": "client@clients"}}"#, NONE),
    row(r#"{"Federated": "arn:aws:iam::111122223333:oidc-provider/login.example.com/"}"#, r#"{"StringEquals": {"login.example.com/:aud": "client-id", "login.example.com/:sub": "auth0|5f7c8ec7c33c6c004bbafe82"}}"#, NONE),
    row("O", r#"{"StringEquals": {"O:aud": "api://default", "O:sub": "0oa1BcDeF"}}"#, NONE),
    // Google and Cognito.
    row("D", r#"{"StringEquals": {"D:aud": "123456789012.apps.googleusercontent.com"}}"#, NONE),
    row("D", r#"{"StringEquals": {"D:aud": "123456789012.apps.googleusercontent.com", "D:sub": "117329210439802341234"}}"#, NONE),
    row("D", r#"{"StringEquals": {"D:oaud": "https://example.com", "D:sub": "117329210439802341234"}}"#, NONE),
    row("C", r#"{"StringEquals": {"C:aud": "eu-west-1:11111111-2222-3333-4444-555555555555"}}"#, NONE),
    row("C", r#"{"StringEquals": {"C:aud": "eu-west-1:11111111-2222-3333-4444-555555555555"}, "ForAnyValue:StringLike": {"C:amr": "authenticated"}}"#, NONE),
    calling("C", r#"["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]"#, r#"{"StringEquals": {"C:aud": "eu-west-1:11111111-2222-3333-4444-555555555555"}, "ForAnyValue:StringLike": {"C:amr": "unauthenticated"}}"#, NONE),
    row(r#"{"Federated": "www.amazon.com"}"#, r#"{"StringEquals": {"www.amazon.com:app_id": "amzn1.application-oa2-client.1"}}"#, NONE),
    row(r#"{"Federated": "graph.facebook.com"}"#, r#"{"StringEquals": {"graph.facebook.com:app_id": "111122223333"}}"#, NONE),
    // Accounts, services, SAML.
    calling(r#"{"AWS": "arn:aws:iam::111122223333:root"}"#, r#""sts:AssumeRole""#, r#"{"StringEquals": {"sts:ExternalId": "x"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}"#, NONE),
    calling(r#"{"AWS": "arn:aws:iam::111122223333:root", "Service": "ec2.amazonaws.com"}"#, r#""sts:AssumeRole""#, "", NONE),
    calling(r#"{"Service": "pods.eks.amazonaws.com"}"#, r#"["sts:AssumeRole", "sts:TagSession"]"#, "", NONE),
    calling(r#"{"Federated": "arn:aws:iam::111122223333:saml-provider/x"}"#, r#""sts:AssumeRoleWithSAML""#, r#"{"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}"#, NONE),
    calling(r#"{"Federated": "arn:aws:iam::111122223333:saml-provider/x"}"#, r#"["sts:AssumeRoleWithSAML", "sts:TagSession"]"#, r#"{"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}"#, NONE),
];

/// Statements that are correct together.
#[rustfmt::skip]
pub(super) const STATEMENTS: &[&[&str]] = &[
    // A role for two clusters.
    &[
        r#"{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"a.example.com:aud": "sts.amazonaws.com", "a.example.com:sub": "system:serviceaccount:demo:app"}}}"#,
        r#"{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/b.example.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"b.example.com:aud": "sts.amazonaws.com", "b.example.com:sub": "system:serviceaccount:demo:app"}}}"#,
    ],
    // Pods by either way, and the tags in a statement of their own.
    &[
        r#"{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"a.example.com:aud": "sts.amazonaws.com", "a.example.com:sub": "system:serviceaccount:demo:app"}}}"#,
        r#"{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com"}, "Action": "sts:TagSession"}"#,
        r#"{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}"#,
    ],
    // A statement that keeps the others out.
    &[
        r#"{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"a.example.com:aud": "sts.amazonaws.com"}}}"#,
        r#"{"Effect": "Deny", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/a.example.com"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringNotLike": {"a.example.com:sub": "system:serviceaccount:demo:*"}}}"#,
    ],
];
