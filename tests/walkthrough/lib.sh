# Sourced by the steps.
# shellcheck shell=bash

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'walkthrough: %s\n' "$*" >&2; exit 1; }

# Until a command succeeds: eventually SECONDS COMMAND…
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "this did not come true in time: $*"
        sleep 0.2
    done
}
