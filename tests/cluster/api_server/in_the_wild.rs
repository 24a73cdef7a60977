//! The Go webhook's command lines, as they are found in manifests: whoever replaces its image keeps them.

/// Whose, and the arguments.
pub fn in_the_wild() -> [(&'static str, Vec<&'static str>); 3] {
    let upstream = vec![
        "--in-cluster=false",
        "--namespace=default",
        "--service-name=pod-identity-webhook",
        "--annotation-prefix=eks.amazonaws.com",
        "--token-audience=sts.amazonaws.com",
        "--logtostderr",
    ];
    let kops = vec![
        "--in-cluster=false",
        "--namespace=kube-system",
        "--service-name=pod-identity-webhook",
        "--annotation-prefix=eks.amazonaws.com",
        "--token-audience=amazonaws.com",
        "--logtostderr",
        "--watch-config-map",
        "--sts-regional-endpoint",
        "--aws-default-region=eu-west-1",
        "--v=5",
    ];
    let community = vec![
        "--in-cluster=false",
        "--annotation-prefix=eks.amazonaws.com",
        "--token-audience=sts.amazonaws.com",
        "--sts-regional-endpoint=true",
        "--aws-default-region=us-east-1",
        "--logtostderr",
    ];
    [("upstream", upstream), ("kOps", kops), ("the community chart", community)]
}
