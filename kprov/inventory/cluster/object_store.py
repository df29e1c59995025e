"""Checks the variables of the S3-compatible store that has copies of etcd's snapshots."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit


def check_store_url(value: Any) -> Any:
    """Return the URL of a folder in a bucket, or "", unchanged. Raises ValueError."""
    if value == "":
        return value
    problem = _find_problem(value) if isinstance(value, str) else "is not a text"
    if problem:
        raise ValueError(f"{problem}; it must be a URL such as https://s3.example.org/bucket/folder")
    return value


def _find_problem(value: str) -> str:
    """Return what is wrong with the URL, without a password that it may have; "" if it is right."""
    try:
        parts = urlsplit(value)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        return "is not a URL of http or https"
    if "@" in parts.netloc:
        return "has a user: set etcd_snapshot_s3_access_key and etcd_snapshot_s3_secret_key"
    if parts.query or parts.fragment:
        return "has a query or a fragment"
    folders = parts.path.strip("/").split("/")
    if not folders[0]:
        return "has no bucket"
    if "" in folders:
        return "has an empty folder"
    return ""
