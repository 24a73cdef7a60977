# For the scripts of the walkthrough: what it says, shows and expects.
# shellcheck shell=bash

fail() {
    printf 'walkthrough: %s\n' "$*" >&2
    exit 1
}

# What is shown is Markdown: headings, prose, and blocks of code with a blank line between.
shown=
between() {
    [ "$shown" = "$1" ] || echo
    shown=$1
}
step() {
    printf '\n## %s\n' "$*"
    shown=heading
}
say() {
    shown=
    between prose
    printf '%s\n' "$@"
}
# Reads what it shows; not from a pipe, whose end would be a shell of its own.
code() {
    between code
    sed 's/^/    /'
}

# Runs a command, shows both it and what it printed, and keeps the latter in $output.
output=
run() {
    show "$@"
    [ "$status" = 0 ] || fail "this should have worked, and ended with $status: $*"
}

# The same for a command that must fail.
refused() {
    show "$@"
    [ "$status" != 0 ] || fail "this should have been refused, and was not: $*"
}

show() {
    status=0
    code <<<"\$ $(quoted "$@")"
    output=$("$@" 2>&1) || status=$?
    [ -z "$output" ] || code <<<"$output"
}

# A command as one would type it.
quoted() {
    local word line=
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=,@%+-]* | '') line+=" '$word'" ;;
            *) line+=" $word" ;;
        esac
    done
    printf '%s' "${line# }"
}

# Shows a manifest and applies it.
apply() {
    local manifest
    manifest=$(cat)
    code <<<"$manifest"
    code <<<'$ kubectl apply -f -'
    output=$(kubectl apply -f - <<<"$manifest" 2>&1) || fail "kubectl apply: $output"
    code <<<"$output"
}

# What the last command must, or must not, have said.
expect() { [[ $output == *"$1"* ]] || fail "this should have been in the output above: $1"; }
expect_not() { [[ $output != *"$1"* ]] || fail "this should not have been in the output above: $1"; }

# Waits until a command succeeds: eventually SECONDS COMMAND…
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "this did not come true in time: $*"
        sleep 0.2
    done
}

# Starts a part of the cluster, its log in a file of its name.
start() {
    local name=$1
    shift
    "$@" >>"$STATE/logs/$name.log" 2>&1 &
    echo $! >"$STATE/$name.pid"
}
