#!/bin/sh
# Writes DIR/go.mod and DIR/go.sum: a module whose tools are the control plane
# of one Kubernetes version. VERSION is a minor (1.30: its newest patch is
# taken) or a patch (1.30.14).
#
# k8s.io/kubernetes asks for its staging modules (k8s.io/api and so on) as
# v0.0.0 and replaces them by folders of its own repository; replacements of a
# dependency do not count, so they are repeated here as the published v0.X.Y.
# The Go version and the godebug lines are those Kubernetes is built with, and
# etcd is the version its own tests run against.
set -eu

fail() {
    printf 'derive.sh: %s\n' "$1" >&2
    exit 1
}

[ $# -eq 2 ] || fail 'two arguments are needed: derive.sh VERSION DIR (for example: derive.sh 1.30 /tmp/module)'
asked=${1#v}
mkdir -p "$2"
dir=$(CDPATH='' cd -- "$2" && pwd)

case $asked in
    *[!0-9.]* | '' | .* | *.) fail "'$1' is no Kubernetes version; give a minor such as 1.30 or a patch such as 1.30.14" ;;
esac

# Outside any module, so that no go.mod of the caller takes part.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export GOWORK=off

case $asked in
    *.*.*) version=v$asked ;;
    *.*)
        # The list of versions is in ascending order.
        version=$(go list -m -versions k8s.io/kubernetes | tr ' ' '\n' | grep "^v$asked\.[0-9]*\$" | tail -n 1)
        [ -n "$version" ] ||
            fail "the Go module proxy lists no release of Kubernetes $asked; name a patch version ($asked.0, say: lists lag behind) or another minor"
        ;;
    *) fail "'$1' is no Kubernetes version; give a minor such as 1.30 or a patch such as 1.30.14" ;;
esac

printf 'derive.sh: deriving the module of Kubernetes %s\n' "$version" >&2
go mod download "k8s.io/kubernetes@$version" >&2 ||
    fail "the Go module proxy does not serve k8s.io/kubernetes@$version; see what it has with: go list -m -versions k8s.io/kubernetes"
upstream=$(go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^[[:space:]]*"GoMod": "\(.*\)",*$/\1/p')

staging=v0.${version#v1.}
# Writes go.mod with the components given as its tools.
write() {
    printf '// Written by derive.sh; change the version with it, not by hand.\n'
    printf 'module pod-identity-webhook/control-plane\n\n'
    sed -n -e 's/^\(go [0-9].*\)$/\1\n/p' -e 's/^\(godebug [a-z].*\)$/\1\n/p' -e '/^godebug ($/,/^)$/p' "$upstream"
    printf 'tool (\n'
    printf '\tgo.etcd.io/etcd/server/v3\n'
    printf '\tk8s.io/kubernetes/cmd/%s\n' "$@"
    printf ')\n\n'
    printf 'require k8s.io/kubernetes %s\n\n' "$version"
    printf 'replace (\n'
    sed -n "s|^[[:space:]]*\\(k8s.io/[a-z0-9-]*\\) => \\./staging/.*|\\t\\1 => \\1 $staging|p" "$upstream"
    printf ')\n'
}

write kubeadm kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet >go.mod
if ! go mod tidy >&2; then
    # The proxy's checksum database does not have every module of an old version. What the tests of all versions
    # need is less.
    printf 'derive.sh: see above; without kube-proxy, kube-scheduler and kubelet, then\n' >&2
    write kube-apiserver kube-controller-manager kubectl >go.mod
    go mod tidy >&2 ||
        fail "go mod tidy failed for Kubernetes $version (see above); take another patch version"
fi
cp go.mod go.sum "$dir/"
