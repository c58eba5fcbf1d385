"""An S3-compatible server with one bucket: `python -m tests.soak.objects PORT BUCKET`."""

import logging
import sys
import threading

import boto3
from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve until killed."""
    port, bucket = int(sys.argv[1]), sys.argv[2]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False).start()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    threading.Event().wait()


if __name__ == "__main__":
    main()
