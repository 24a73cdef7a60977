#!/usr/bin/env bash
# check.sh FILE: checks a bill of materials against CycloneDX' own schema, which cyclonedx-python-lib brings.
set -euo pipefail

file=$(realpath "${1:?"usage: check.sh FILE"}")
cd "$(dirname -- "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pod-identity-webhook/cyclonedx
built=$cache/$(sha256sum <requirements.txt | cut -c 1-12)
if [ ! -x "$built/bin/python" ]; then
    mkdir -p "$cache"
    python3 -m venv "$built.partial"
    "$built.partial/bin/pip" install --quiet --requirement requirements.txt
    rm -rf "$built"
    mv "$built.partial" "$built"
fi
"$built/bin/python" - "$file" <<'END'
import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = open(sys.argv[1], encoding="utf-8").read()
version = SchemaVersion.from_version(json.loads(text)["specVersion"])
error = JsonStrictValidator(version).validate_str(text)
if error is not None:
    sys.exit(f"cyclonedx: {sys.argv[1]} is not CycloneDX {version.to_version()}: {error}")
END
