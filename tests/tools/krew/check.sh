#!/usr/bin/env bash
# check.sh MANIFEST ARCHIVE TARGET: krew's own check of a manifest, then an install of the plugin from the archive, if
# it is one for this machine, and the plugin started by kubectl's name for it. krew is built from its Go module.
set -euo pipefail

fail() {
    printf 'krew: %s\n' "$1" >&2
    exit 1
}

manifest=$(realpath "${1:?"usage: check.sh MANIFEST ARCHIVE TARGET"}")
archive=$(realpath "$2")
target=$3
cd "$(dirname -- "$0")"
export GOWORK=off CGO_ENABLED=0

# The addresses are of a release that is not there yet.
go tool validate-krew-manifest -skip-install -manifest "$manifest" || fail 'krew rejects the manifest: see above'

# krew takes Linux' archive to be the static one.
case $target in
    x86_64-unknown-linux-*) system=x86_64-unknown-linux-musl ;;
    aarch64-unknown-linux-*) system=aarch64-unknown-linux-musl ;;
    *) system=$target ;;
esac
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
sum=$(sha256sum <"$archive" | cut -d ' ' -f 1)
awk -v triple="$system" -v sum="$sum" '
    /^ *uri: / { ours = index($0, triple) > 0 }
    ours && /^ *sha256: / { sub(/[0-9a-f]+$/, sum) }
    { print }
' "$manifest" >"$root/podid.yaml"
KREW_ROOT=$root go tool krew install --manifest="$root/podid.yaml" --archive="$archive" >/dev/null ||
    fail 'krew could not install the plugin: see above'
[[ $("$root/bin/kubectl-podid" --version) == pod-identity-webhook* ]] || fail 'the installed plugin does not start'
"$root/bin/kubectl-podid" --help | grep -F 'kubectl podid' >/dev/null || fail 'the installed plugin does not know its name'
