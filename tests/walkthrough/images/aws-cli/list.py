"""Lists a bucket with boto3 and nothing but what the pod was given: list.py BUCKET"""

import sys

import boto3

session = boto3.Session()
print("boto3 has credentials from", session.get_credentials().method)
for page in session.client("s3").get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1]):
    for entry in page.get("Contents", []):
        print(f"{entry['Key']}, {entry['Size']} bytes")
