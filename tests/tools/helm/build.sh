#!/bin/sh
# build.sh [helm|helm3]: prints the path of helm (version 4), or of Helm 3,
# building it first where that is not done yet. Variables:
#
#   HELM, HELM3  a ready program of that version: printed, nothing is built
#   HELM_CACHE   where builds are kept; the default is
#                ~/.cache/pod-identity-webhook/helm, honouring XDG_CACHE_HOME
#
# Standard output carries the path alone; what is going on goes to standard error.
set -eu

fail() {
    printf 'helm: %s\n' "$1" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing; $2"
}

command=${1:-helm}
case $command in
    helm) variable=HELM ready=${HELM:-} module=helm.sh/helm/v4 ;;
    helm3) variable=HELM3 ready=${HELM3:-} module=helm.sh/helm/v3 ;;
    *) fail "there is no '$command'; name helm or helm3" ;;
esac

if [ -n "$ready" ]; then
    path=$(command -v -- "$ready") ||
        fail "$variable=$ready is no program; correct the variable, or unset it to have one built"
    printf '%s/%s\n' "$(CDPATH='' cd -- "$(dirname -- "$path")" && pwd)" "$(basename -- "$path")"
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${HELM_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set HELM_CACHE to a folder for the builds}/.cache}/pod-identity-webhook/helm}
version=$(sed -n "s|^[[:space:]]*$module \\(v[0-9.]*\\).*|\\1|p" "$here/go.mod")
built=$cache/$version-$(cat "$here/go.mod" "$here/go.sum" | sha256sum | cut -c 1-12)

if [ ! -x "$built/$command" ]; then
    need go "install Go 1.26 or newer, or set $variable to a ready program"
    need flock 'install util-linux'
    mkdir -p "$built"
    exec 9>"$built/lock"
    if ! flock --nonblock 9; then
        printf 'helm: waiting for another run that holds %s\n' "$built/lock" >&2
        flock --timeout 3600 9 || fail "another run has held $built/lock for an hour: look what it does, and run this again"
    fi
fi
if [ ! -x "$built/$command" ]; then
    printf 'helm: building %s %s once (minutes) into %s\n' "$command" "$version" "$built" >&2
    # Helm 3 is told which Kubernetes it is for; unstamped it takes all charts to be for 1.20.
    stamp=
    if [ "$command" = helm3 ]; then
        minor=$(sed -n 's|^[[:space:]]*k8s.io/client-go v0\.\([0-9]*\)\..*|\1|p' "$here/go.mod")
        for package in pkg/chartutil pkg/lint/rules; do
            stamp="$stamp -X $module/$package.k8sVersionMajor=1 -X $module/$package.k8sVersionMinor=$minor"
        done
    fi
    partial=$(mktemp -d "$built/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$here"
    GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "-s -w$stamp" \
        -o "$partial/$command" "$module/cmd/helm" >&2 ||
        fail "the build failed (see above); mend what go says, or set $variable to a ready program"
    # Renamed into place whole: what is there is complete.
    mv "$partial/$command" "$built/$command"
fi
printf '%s\n' "$built/$command"
