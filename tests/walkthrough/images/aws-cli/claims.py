"""Prints what a token says, without checking it: claims.py FILE"""

import base64
import json
import sys

with open(sys.argv[1]) as file:
    payload = file.read().split(".")[1]
print(json.dumps(json.loads(base64.urlsafe_b64decode(payload + "==")), indent=2))
