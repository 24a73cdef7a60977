#!/bin/sh
# install.sh: prints the folder of prometheus and promtool. They are those on the
# PATH, where both are there; else this unpacks Debian's package of the name, once,
# into a cache: nothing is installed and no daemon starts. Variables:
#
#   PROMETHEUS_TOOLS        a ready folder of both programs: printed, nothing is unpacked
#   PROMETHEUS_TOOLS_CACHE  where they are kept; the default is
#                           ~/.cache/pod-identity-webhook/prometheus, honouring XDG_CACHE_HOME
#
# Standard output carries the path alone; what is going on goes to standard error.
# Exit status 69 where this platform has no such package: tests go without it then.
set -eu

fail() {
    printf 'prometheus: %s\n' "$1" >&2
    exit 1
}

unavailable() {
    printf 'prometheus: %s; get it from https://prometheus.io/download and set PROMETHEUS_TOOLS to its folder\n' "$1" >&2
    exit 69
}

if [ -n "${PROMETHEUS_TOOLS:-}" ]; then
    for program in prometheus promtool; do
        [ -x "$PROMETHEUS_TOOLS/$program" ] ||
            fail "PROMETHEUS_TOOLS=$PROMETHEUS_TOOLS has no $program; correct the variable, or unset it to have the programs unpacked"
    done
    printf '%s\n' "$PROMETHEUS_TOOLS"
    exit 0
fi

if promtool=$(command -v promtool) && prometheus=$(command -v prometheus) &&
    [ "$(dirname -- "$promtool")" = "$(dirname -- "$prometheus")" ]; then
    dirname -- "$promtool"
    exit 0
fi

cache=${PROMETHEUS_TOOLS_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set PROMETHEUS_TOOLS_CACHE to a folder for the programs}/.cache}/pod-identity-webhook/prometheus}
# What is there is used for as long as it is there: no test needs the newest.
if [ ! -e "$cache/complete" ]; then
    for tool in apt-get dpkg-deb flock; do
        command -v "$tool" >/dev/null 2>&1 || unavailable "this system has no $tool to get Debian's package with"
    done
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    if ! flock --nonblock 9; then
        printf 'prometheus: waiting for another run that holds %s\n' "$cache/lock" >&2
        flock --timeout 3600 9 || fail "another run has held $cache/lock for an hour: look what it does, and run this again"
    fi
fi
if [ ! -e "$cache/complete" ]; then
    printf 'prometheus: unpacking the package once into %s\n' "$cache" >&2
    partial=$(mktemp -d "$cache/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' HUP INT TERM
    cd "$partial"
    # apt verifies the signature. The lists of a fresh machine are empty.
    if ! apt-get -q download prometheus >log 2>&1; then
        if [ "$(id -u)" = 0 ]; then
            apt-get -q update >>log 2>&1 || true
        fi
        apt-get -q download prometheus >>log 2>&1 || {
            cat log >&2
            ! apt-cache show prometheus >/dev/null 2>&1 || fail 'apt-get could not download the package (see above)'
            unavailable 'this system has no package prometheus (see above)'
        }
    fi
    dpkg-deb --extract ./*.deb . || fail 'dpkg-deb failed (see above)'
    for program in promtool prometheus; do
        "$partial/usr/bin/$program" --version >>log 2>&1 || {
            cat log >&2
            unavailable "$program of the package does not start (see above)"
        }
    done
    mkdir -p "$cache/bin"
    mv "$partial/usr/bin/promtool" "$partial/usr/bin/prometheus" "$cache/bin"
    touch "$cache/complete"
fi
printf '%s\n' "$cache/bin"
