"""Lists a bucket with one boto3 client until a minute after the token it began with has ended: follow.py BUCKET

It says so whenever it lists with a token that kubelet wrote since.
"""

import base64
import json
import os
import sys
import time

import boto3


def claims():
    with open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]) as file:
        payload = file.read().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


client = boto3.client("s3")
first = latest = None
while first is None or time.time() < first["exp"] + 60:
    token = claims()
    found = client.list_objects_v2(Bucket=sys.argv[1])["KeyCount"]
    first = first or token
    if latest is None or token["jti"] != latest["jti"]:
        print(f"{time.strftime('%H:%M:%S')} {found} file, token valid until {time.strftime('%H:%M:%S', time.gmtime(token['exp']))}", flush=True)
        latest = token
    # Far shorter than a token lives: each new one is seen.
    time.sleep(5)
found = client.list_objects_v2(Bucket=sys.argv[1])["KeyCount"]
print(f"{time.strftime('%H:%M:%S')} {found} file, and the first token has ended", flush=True)
sys.exit(0 if latest["jti"] != first["jti"] else 1)
