#!/bin/sh
# install.sh: prints the Python that has Playwright and axe-core, installing them
# from PyPI first where that is not done yet. Variables:
#
#   BROWSER_PYTHON   a Python that has both: printed, nothing is installed
#   BROWSER_CACHE    where they are kept; the default is
#                    ~/.cache/pod-identity-webhook/browser, honouring XDG_CACHE_HOME
#
# Standard output carries the path alone; what is going on goes to standard error.
set -eu

fail() {
    printf 'browser: %s\n' "$1" >&2
    exit 1
}

if [ -n "${BROWSER_PYTHON:-}" ]; then
    "$BROWSER_PYTHON" -c 'import playwright, axe_playwright_python' >&2 ||
        fail "BROWSER_PYTHON=$BROWSER_PYTHON lacks a module (see above); correct the variable, or unset it to have them installed"
    printf '%s\n' "$BROWSER_PYTHON"
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${BROWSER_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set BROWSER_CACHE to a folder for them}/.cache}/pod-identity-webhook/browser}
command -v python3 >/dev/null 2>&1 || fail "'python3' is missing; install Python 3.10 or newer with venv"
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
installed=$cache/$(sha256sum "$here/requirements.txt" | cut -c 1-12)-python$python

if [ ! -e "$installed/complete" ]; then
    command -v flock >/dev/null 2>&1 || fail "'flock' is missing; install util-linux"
    mkdir -p "$installed"
    exec 9>"$installed/lock"
    if ! flock --nonblock 9; then
        printf 'browser: waiting for another run that holds %s\n' "$installed/lock" >&2
        flock --timeout 3600 9 || fail "another run has held $installed/lock for an hour: look what it does, and run this again"
    fi
fi
if [ ! -e "$installed/complete" ]; then
    printf 'browser: installing Playwright and axe-core once into %s\n' "$installed" >&2
    # Whatever an interrupted run left is overwritten. Programs know their own path: no renaming.
    python3 -m venv --clear "$installed/venv" >&2 ||
        fail "python3 has no venv (see above); install it (Debian: python3-venv), or set BROWSER_PYTHON"
    "$installed/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 ||
        fail 'pip failed (see above); mend what it says, or set BROWSER_PYTHON'
    touch "$installed/complete"
fi
printf '%s\n' "$installed/venv/bin/python3"
