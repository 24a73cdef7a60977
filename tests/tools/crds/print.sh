#!/bin/sh
# print.sh: prints the custom resource definitions of cert-manager and of the
# Prometheus operator, which manifests of ours use, as they are published in
# their Go modules. The modules are kept in Go's cache; its checksum database
# vouches for them. CRDS names a file with ready ones, which is printed instead.
set -eu

fail() {
    printf 'crds: %s\n' "$1" >&2
    exit 1
}

if [ -n "${CRDS:-}" ]; then
    exec cat -- "$CRDS"
fi

command -v go >/dev/null 2>&1 || fail "'go' is missing; install Go 1.26 or newer"

# Outside any module, so that no go.mod has a say.
cd /

print() {
    folder=$(GOWORK=off GOFLAGS=-mod=mod go mod download -json "$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$folder" ] || fail "the Go module proxy does not serve $1"
    for file in $2; do
        [ -f "$folder/$file" ] || fail "$1 has no $file; mend this script"
        printf -- '---\n'
        cat "$folder/$file"
    done
}

print github.com/cert-manager/cert-manager@v1.21.2 \
    'deploy/crds/cert-manager.io_certificates.yaml deploy/crds/cert-manager.io_issuers.yaml'
operator=example/prometheus-operator-crd/monitoring.coreos.com
print github.com/prometheus-operator/prometheus-operator@v0.85.0 \
    "${operator}_prometheusrules.yaml ${operator}_servicemonitors.yaml"
