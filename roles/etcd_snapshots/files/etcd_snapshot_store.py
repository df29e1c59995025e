#!/usr/bin/python3
"""Copies snapshots to an S3-compatible store, lists and gets them. Standard library, Python 3.9+.

`upload` runs on etcd hosts, after each run of the timer. kprov runs `list` and `get` on the operator's
machine.
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
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

CONFIG = "/etc/etcd/snapshots-s3.json"
#: Seconds without any progress of a request.
TIMEOUT = 60
#: Amazon S3 and others take no larger object in one request.
LARGEST = 5 << 30
#: Objects in one answer of a list.
PAGE = 1000
_ALGORITHM = "AWS4-HMAC-SHA256"
_NOTHING = hashlib.sha256().hexdigest()
_NAME = re.compile(r"etcd-[0-9A-Za-z-]+\.db\.gz(\.age)?")
_PART = 1 << 20


class StoreError(Exception):
    """The store did not do what it should; the message says why."""


class MissingError(StoreError):
    """The store has no such object."""


class _RejectRedirects(urllib.request.HTTPRedirectHandler):
    """Reports a redirect as an error: the signature is for one host only."""

    def redirect_request(self, *_: Any) -> None:
        return None


def main() -> int:
    """Run a command; print names, or the store's records as JSON."""
    parser = argparse.ArgumentParser(description="Keep snapshots of etcd in an S3-compatible store.")
    parser.add_argument("--config", default=CONFIG, help="JSON file; - is standard input")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upload", help="send the snapshots of this host that were not sent yet")
    commands.add_parser("list", help="print the records of the store's snapshots")
    get = commands.add_parser("get", help="copy a snapshot to a new file and print its record")
    get.add_argument("name")
    get.add_argument("target")
    arguments = parser.parse_args()
    text = sys.stdin.read() if arguments.config == "-" else Path(arguments.config).read_text(encoding="utf-8")
    config = json.loads(text)
    # Proxies of the cluster: urllib reads HTTPS_PROXY and others.
    os.environ.update(config.get("environment", {}))
    try:
        if arguments.command == "upload":
            for name in upload_new(config):
                print(f"stored {name} in {config['url']}")
        elif arguments.command == "list":
            print(json.dumps(list_records(config)))
        else:
            print(json.dumps(get_snapshot(config, arguments.name, Path(arguments.target))))
    except (StoreError, OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        print(f"error: {config['url']}: {reason or type(error).__name__}", file=sys.stderr)
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
    """Store a file as an object. Raises StoreError with the store's answer."""
    size = path.stat().st_size
    if size > LARGEST:
        raise StoreError(f"{path.name} has {size} bytes, and a store takes at most {LARGEST} at once")
    target = f"{find_folder(config)}/{path.name}"
    try:
        with open_request(config, "PUT", target, body=path) as answer:
            answer.read()
    except OSError:
        # A store may close the connection before it has read a file that it rejects, and its answer is lost.
        with contextlib.suppress(MissingError), open_request(config, "GET", target):
            pass
        raise


def list_records(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records of all complete snapshots, the oldest first."""
    names = set(list_names(config))
    complete = sorted(name for name in names if _NAME.fullmatch(name) and f"{name}.json" in names)

    def read_one(name: str) -> list[dict[str, Any]]:
        try:
            return [read_record(config, name)]
        except MissingError:  # removed since
            return []

    with ThreadPoolExecutor(max_workers=8) as pool:
        records = [record for found in pool.map(read_one, complete) for record in found]
    return sorted(records, key=lambda record: (record["time"], record["revision"]))


def list_names(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the objects in the folder."""
    _, bucket, *parts = find_folder(config).split("/")
    prefix = "".join(f"{part}/" for part in parts)
    query = {"list-type": "2", "prefix": prefix, "delimiter": "/", "max-keys": str(PAGE)}
    while True:
        with open_request(config, "GET", f"/{bucket}", query) as answer:
            # The store is the one that the operator chose, and it has the operator's snapshots.
            document = ET.fromstring(answer.read())  # noqa: S314
        for key in document.iterfind("{*}Contents/{*}Key"):
            yield (key.text or "")[len(prefix) :]
        token = document.findtext("{*}NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token


def read_record(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the record of a snapshot. Raises StoreError."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is not the name of a snapshot")
    try:
        with open_request(config, "GET", f"{find_folder(config)}/{name}.json") as answer:
            record = json.loads(answer.read(_PART))
    except MissingError:
        raise MissingError(f"there is no snapshot {name}") from None
    except ValueError as error:
        raise StoreError(f"{name}.json is damaged: {error}") from None
    if not isinstance(record, dict) or record.get("file") != name:
        raise StoreError(f"{name}.json is not the record of {name}")
    return record


def get_snapshot(config: Mapping[str, Any], name: str, target: Path) -> dict[str, Any]:
    """Copy a snapshot to a file with mode 0600; return its record. Raises StoreError if its sum is wrong."""
    record = read_record(config, name)
    digest = hashlib.sha256()
    aside = target.with_name(f".{target.name}.part")
    with contextlib.suppress(FileNotFoundError):
        aside.unlink()
    try:
        with contextlib.ExitStack() as stack:
            answer = stack.enter_context(open_request(config, "GET", f"{find_folder(config)}/{name}"))
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            file = stack.enter_context(os.fdopen(descriptor, "wb"))
            for part in iter(lambda: answer.read(_PART), b""):
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != record["sha256"]:
            raise StoreError(
                f"{name} has the SHA-256 sum {digest.hexdigest()}, its record {record['sha256']}"
            )
        aside.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
    return record


def find_folder(config: Mapping[str, Any]) -> str:
    """Return the path of the store's folder: /BUCKET or /BUCKET/FOLDER."""
    return urllib.parse.unquote(urllib.parse.urlsplit(config["url"]).path).rstrip("/")


@contextlib.contextmanager
def open_request(
    config: Mapping[str, Any],
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: Path | None = None,
) -> Iterator[IO[bytes]]:
    """Send a signed request and yield the answer. Raises StoreError unless the store did what it should."""
    base = urllib.parse.urlsplit(config["url"])
    target = urllib.parse.quote(path, safe="/-_.~")
    text = encode_query(query or {})
    headers = {
        "host": base.netloc,
        "x-amz-content-sha256": hash_file(body) if body else _NOTHING,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
    }
    headers["authorization"] = sign_request(config, method, target, text, headers)
    url = urllib.parse.urlunsplit((base.scheme, base.netloc, target, text, ""))
    context = ssl.create_default_context(cafile=config.get("ca") or None)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _RejectRedirects())
    with contextlib.ExitStack() as stack:
        data = None
        if body is not None:
            headers |= {
                "content-length": str(body.stat().st_size),
                "content-type": "application/octet-stream",
            }
            data = stack.enter_context(open(body, "rb"))
        # kprov checks that the scheme is http or https.
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        try:
            answer = stack.enter_context(opener.open(request, timeout=TIMEOUT))
        except urllib.error.HTTPError as error:
            with error:
                raise explain_rejection(path, error) from None
        yield answer


def explain_rejection(path: str, error: urllib.error.HTTPError) -> StoreError:
    """Return the store's answer as an error."""
    text = error.read(4000).decode("utf-8", "replace").strip()
    found = [re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("Code", "Message")]
    details = ": ".join(match[1].strip() for match in found if match) or text
    kind = MissingError if error.code == http.HTTPStatus.NOT_FOUND else StoreError
    return kind(f"the store rejected {path}: {error.code} {error.reason}: {details}".rstrip(": "))


def encode_query(query: Mapping[str, str]) -> str:
    """Return a query in the order and encoding that a signature needs."""
    return "&".join(
        f"{urllib.parse.quote(name, safe='-_.~')}={urllib.parse.quote(query[name], safe='-_.~')}"
        for name in sorted(query)
    )


def sign_request(
    config: Mapping[str, Any], method: str, path: str, query: str, headers: Mapping[str, str]
) -> str:
    """Return the header Authorization of a request.

    `path` and `query` are encoded; `headers` have lower-case names.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = "\n".join([method, path, query, lines, names, headers["x-amz-content-sha256"]])
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
        for part in iter(lambda: file.read(_PART), b""):
            digest.update(part)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
