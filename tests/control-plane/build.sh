#!/bin/sh
# build.sh [COMPONENT…]: prints the folder that holds etcd, kube-apiserver and
# kube-controller-manager for the tests, and the components named beside them
# (kubeadm, kubectl, kubelet, kube-proxy, kube-scheduler), building first what is not
# built yet. Variables:
#
#   K8S_VERSION          another version than the pinned one: 1.30 or 1.30.14
#   CONTROL_PLANE_CACHE  where builds are kept; the default is
#                        ~/.cache/pod-identity-webhook/control-plane, honouring
#                        XDG_CACHE_HOME
#   CHECK=yes            builds nothing: ends with 3 where something is missing
#   KUBEBUILDER_ASSETS   a folder with ready binaries: printed, nothing is built
#
# Standard output carries the folder alone; what is going on goes to standard error.
set -eu

fail() {
    printf 'control plane: %s\n' "$1" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing; $2"
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
    # Downloaded assets come without kube-controller-manager; the tests that
    # want it say so themselves.
    for binary in etcd kube-apiserver "$@"; do
        [ -x "$KUBEBUILDER_ASSETS/$binary" ] ||
            fail "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable '$binary'; correct the variable, or unset it to have one built"
    done
    printf '%s\n' "$KUBEBUILDER_ASSETS"
    exit 0
fi

cache=${CONTROL_PLANE_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set CONTROL_PLANE_CACHE to a folder for the builds}/.cache}/pod-identity-webhook/control-plane}

# Takes the lock named $1 for the rest of the script.
lock() {
    need flock 'install util-linux'
    mkdir -p "$cache"
    exec 9>"$cache/$1.lock"
    if ! flock --nonblock 9; then
        printf 'control plane: waiting for another run that holds %s\n' "$cache/$1.lock" >&2
        flock --timeout 3600 9 || fail "another run has held $cache/$1.lock for an hour: look what it does, and run this again"
    fi
}

hash_of() {
    cat "$@" | sha256sum | cut -c 1-12
}

go_hint='install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver'

# The module to build: the pinned one beside this script, or one derived from
# the version asked for and kept in the cache.
module=$here
if [ -n "${K8S_VERSION:-}" ]; then
    asked=${K8S_VERSION#v}
    case $asked in
        *[!0-9.]*) fail "K8S_VERSION=$K8S_VERSION is no Kubernetes version; give a minor such as 1.30 or a patch such as 1.30.14" ;;
    esac
    pinned=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes v\([0-9.]*\).*|\1|p' "$here/go.mod")
    case $pinned in
        "$asked" | "$asked".*) ;;
        *)
            module=$cache/modules/$asked-$(hash_of "$here/derive.sh")
            if [ ! -f "$module/go.sum" ]; then
                [ "${CHECK:-}" != yes ] || exit 3
                need go "$go_hint"
                lock "derive-$asked"
                if [ ! -f "$module/go.sum" ]; then
                    "$here/derive.sh" "$asked" "$module.new" >&2
                    rm -rf "$module"
                    mv "$module.new" "$module"
                fi
            fi
            ;;
    esac
fi

version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$module/go.mod")
name=$version-$(hash_of "$module/go.mod" "$module/go.sum")
built=$cache/$name

# Builds the Go packages given into the folder of this version; each binary is
# renamed into place whole, so that one that is there is complete.
build() {
    need go "$go_hint"
    lock "$name"
    missing=
    for package in "$@"; do
        [ -x "$built/$(binary_of "$package")" ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    printf 'control plane: building%s %s once (minutes) into %s\n' "$(printf '%s' "$missing" | sed 's|[^ ]*/||g; s| v3| etcd|')" "$version" "$built" >&2
    partial=$(mktemp -d "$cache/$name.partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM

    # An unstamped build calls itself v0.0.0-master: /version and every check
    # of the server's version would be wrong.
    minor=${version#v1.}
    stamp=k8s.io/component-base/version
    cd "$module"
    # shellcheck disable=SC2086 # the packages are to be split
    GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$partial/" \
        -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*} -X $stamp.gitTreeState=clean" \
        $missing >&2 ||
        fail "building Kubernetes $version failed (see above); mend what go says, or set KUBEBUILDER_ASSETS to a folder with ready binaries"
    mkdir -p "$built"
    for package in $missing; do
        # go names a binary after the last folder of its package, be it a version.
        made=${package##*/}
        [ "$made" != v3 ] || made=server
        mv "$partial/$made" "$built/$(binary_of "$package")"
    done
    printf 'control plane: built in %s\n' "$built" >&2
}

binary_of() {
    case $1 in
        go.etcd.io/*) printf 'etcd\n' ;;
        *) printf '%s\n' "${1##*/}" ;;
    esac
}

package_of() {
    case $1 in
        etcd) printf 'go.etcd.io/etcd/server/v3\n' ;;
        *) printf 'k8s.io/kubernetes/cmd/%s\n' "$1" ;;
    esac
}

packages=
missing=
for component in etcd kube-apiserver kube-controller-manager "$@"; do
    packages="$packages $(package_of "$component")"
    [ -x "$built/$component" ] || missing=yes
done
if [ -n "$missing" ]; then
    [ "${CHECK:-}" != yes ] || exit 3
    # shellcheck disable=SC2086 # the packages are to be split
    build $packages
fi
printf '%s\n' "$built"
