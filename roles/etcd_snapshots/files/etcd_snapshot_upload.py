#!/usr/bin/python3
"""Copies the snapshots of this host to an S3-compatible store. Standard library, Python 3.9+.

Each snapshot is sent once, with its record (NAME.json) after it, so that an object with a record is complete.
Requests are signed as "Authenticating Requests (AWS Signature Version 4)" of Amazon S3's API reference says;
the signature covers the SHA-256 sum of the content, which the store checks.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import hmac
import http.client
import json
import ssl
import sys
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONFIG = "/etc/etcd/snapshots-s3.json"
#: Seconds without any progress of a request.
TIMEOUT = 60
#: Amazon S3 and others take no larger object in one request.
LARGEST = 5 << 30
_ALGORITHM = "AWS4-HMAC-SHA256"


class UploadError(Exception):
    """A snapshot was not stored; the message says why."""


def main() -> int:
    """Send what was not sent yet; print the names."""
    parser = argparse.ArgumentParser(description="Copy snapshots of etcd to an S3-compatible store.")
    parser.add_argument("--config", default=CONFIG)
    config = json.loads(Path(parser.parse_args().config).read_text(encoding="utf-8"))
    try:
        for name in upload_new(config):
            print(f"stored {name} in {config['url']}")
    except (UploadError, OSError, http.client.HTTPException) as error:
        print(f"error: {config['url']}: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def upload_new(config: Mapping[str, Any]) -> list[str]:
    """Send the snapshots that have no mark, the oldest first, and mark them; return their names."""
    folder = Path(config["folder"])
    sent = []
    with open(folder / ".upload-lock", "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        marks = folder / ".uploaded"
        known = set(marks.read_text(encoding="utf-8").splitlines()) if marks.exists() else set()
        for record in sorted(folder.glob("etcd-*.json")):
            snapshot = record.with_suffix("")
            mark = f"{config['url']}/{snapshot.name}"
            if mark in known or not snapshot.is_file():
                continue
            put_file(config, snapshot)
            put_file(config, record)
            known.add(mark)
            here = {name for name in known if (folder / name.rsplit("/", 1)[-1]).exists()}
            aside = marks.with_suffix(".new")
            aside.write_text("".join(f"{name}\n" for name in sorted(here)), encoding="utf-8")
            aside.replace(marks)
            sent.append(snapshot.name)
    return sent


def put_file(config: Mapping[str, Any], path: Path) -> None:
    """Store a file as an object. Raises UploadError with the store's answer."""
    size = path.stat().st_size
    if size > LARGEST:
        raise UploadError(f"{path.name} has {size} bytes, and a store takes at most {LARGEST} at once")
    url = urllib.parse.urlsplit(f"{config['url'].rstrip('/')}/{path.name}")
    target = urllib.parse.quote(urllib.parse.unquote(url.path), safe="/-_.~")
    headers = {
        "host": url.netloc,
        "x-amz-content-sha256": hash_file(path),
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
    }
    headers["authorization"] = sign_request(config, "PUT", target, headers)
    headers["content-length"] = str(size)
    with contextlib.closing(open_connection(url, config.get("ca") or None)) as connection:
        with open(path, "rb") as file:
            connection.request("PUT", target, file, headers)
        answer = connection.getresponse()
        text = answer.read(2000).decode("utf-8", "replace")
    if answer.status != http.client.OK:
        raise UploadError(f"{path.name} was rejected: {answer.status} {answer.reason}: {text.strip()}")


def open_connection(url: urllib.parse.SplitResult, authority: str | None) -> http.client.HTTPConnection:
    """Return a connection to the store."""
    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=authority)
    return http.client.HTTPSConnection(host, url.port, timeout=TIMEOUT, context=context)


def sign_request(config: Mapping[str, Any], method: str, path: str, headers: Mapping[str, str]) -> str:
    """Return the header Authorization of a request without a query.

    `path` is encoded; `headers` have lower-case names.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join([method, path, "", lines, names, headers["x-amz-content-sha256"]])
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{config['region']}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{config['secret_key']}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (
        f"{_ALGORITHM} Credential={config['access_key']}/{scope},SignedHeaders={names},Signature={signature}"
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
