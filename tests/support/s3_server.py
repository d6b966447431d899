"""A server that speaks the protocol of S3, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep

import httpx
from programs import free_port

BUCKET = "lineage"


@contextmanager
def serving_s3() -> Iterator[dict[str, str]]:
    """Start a server with an empty bucket; gives the variables by which programs find it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    try:
        until = monotonic() + 60
        while monotonic() < until:
            with suppress(httpx.TransportError):
                httpx.put(f"{url}/{BUCKET}", timeout=30).raise_for_status()
                break
            sleep(0.1)
        else:
            raise AssertionError("the S3 server did not start")
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()
