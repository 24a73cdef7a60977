#!/bin/sh
# build.sh: prints the path of the OpenTelemetry collector of the tests,
# building it first where that is not done yet. Variables:
#
#   OTELCOL        a ready program: printed, nothing is built. It needs the
#                  components of main.go
#   OTELCOL_CACHE  where builds are kept; the default is
#                  ~/.cache/pod-identity-webhook/otelcol, honouring XDG_CACHE_HOME
#
# Standard output carries the path alone; what is going on goes to standard error.
set -eu

fail() {
    printf 'otelcol: %s\n' "$1" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || fail "'$1' is missing; $2"
}

if [ -n "${OTELCOL:-}" ]; then
    path=$(command -v -- "$OTELCOL") ||
        fail "OTELCOL=$OTELCOL is no program; correct the variable, or unset it to have one built"
    printf '%s/%s\n' "$(CDPATH='' cd -- "$(dirname -- "$path")" && pwd)" "$(basename -- "$path")"
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${OTELCOL_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set OTELCOL_CACHE to a folder for the builds}/.cache}/pod-identity-webhook/otelcol}
built=$cache/$(cat "$here/go.mod" "$here/go.sum" "$here/main.go" | sha256sum | cut -c 1-12)

if [ ! -x "$built/otelcol" ]; then
    need go 'install Go 1.26 or newer, or set OTELCOL to a ready program'
    need flock 'install util-linux'
    mkdir -p "$built"
    exec 9>"$built/lock"
    if ! flock --nonblock 9; then
        printf 'otelcol: waiting for another run that holds %s\n' "$built/lock" >&2
        flock --timeout 3600 9 || fail "another run has held $built/lock for an hour: look what it does, and run this again"
    fi
fi
if [ ! -x "$built/otelcol" ]; then
    printf 'otelcol: building the OpenTelemetry collector once (minutes) into %s\n' "$built" >&2
    partial=$(mktemp -d "$built/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$here"
    GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "$partial/otelcol" . >&2 ||
        fail "the build failed (see above); mend what go says, or set OTELCOL to a ready program"
    # Renamed into place whole: what is there is complete.
    mv "$partial/otelcol" "$built/otelcol"
fi
printf '%s\n' "$built/otelcol"
