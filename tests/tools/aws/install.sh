#!/bin/sh
# install.sh: prints the folder of aws, moto_server and cfn-lint, installing them
# from PyPI first where that is not done yet. Variables:
#
#   AWS_TOOLS        a ready folder of these programs: printed, nothing is installed
#   AWS_TOOLS_CACHE  where they are kept; the default is
#                    ~/.cache/pod-identity-webhook/aws, honouring XDG_CACHE_HOME
#
# Standard output carries the path alone; what is going on goes to standard error.
set -eu

fail() {
    printf 'aws tools: %s\n' "$1" >&2
    exit 1
}

if [ -n "${AWS_TOOLS:-}" ]; then
    [ -x "$AWS_TOOLS/aws" ] ||
        fail "AWS_TOOLS=$AWS_TOOLS has no aws; correct the variable, or unset it to have the tools installed"
    printf '%s\n' "$AWS_TOOLS"
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${AWS_TOOLS_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set AWS_TOOLS_CACHE to a folder for the tools}/.cache}/pod-identity-webhook/aws}
command -v python3 >/dev/null 2>&1 || fail "'python3' is missing; install Python 3.10 or newer with venv"
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
installed=$cache/$(sha256sum "$here/requirements.txt" | cut -c 1-12)-python$python

if [ ! -e "$installed/complete" ]; then
    command -v flock >/dev/null 2>&1 || fail "'flock' is missing; install util-linux"
    mkdir -p "$installed"
    exec 9>"$installed/lock"
    if ! flock --nonblock 9; then
        printf 'aws tools: waiting for another run that holds %s\n' "$installed/lock" >&2
        flock --timeout 3600 9 || fail "another run has held $installed/lock for an hour: look what it does, and run this again"
    fi
fi
if [ ! -e "$installed/complete" ]; then
    printf 'aws tools: installing the AWS CLI, moto and cfn-lint once into %s\n' "$installed" >&2
    # Whatever an interrupted run left is overwritten. Programs know their own path: no renaming.
    python3 -m venv --clear "$installed/venv" >&2 ||
        fail "python3 has no venv (see above); install it (Debian: python3-venv), or set AWS_TOOLS"
    "$installed/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 ||
        fail 'pip failed (see above); mend what it says, or set AWS_TOOLS'
    touch "$installed/complete"
fi
printf '%s\n' "$installed/venv/bin"
