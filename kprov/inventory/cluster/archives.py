"""Checks the variables of programs that come from archives: versions, checksums, and where archives are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_SUM = re.compile(r"(sha256:)?[0-9a-f]{64}")
_URL = re.compile(r"(https?|ftp|file)://.+")

#: The versions of archives. Older inventories of kubespray have a leading v.
VERSIONS = ("etcd_version", "containerd_version", "runc_version", "cni_version", "kubectl_version")


def check_version(value: Any) -> Any:
    """Return the version unchanged. Raises ValueError."""
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise ValueError("must be a whole version in quotes or with two dots, such as 3.5.21")
    return value


def check_checksums(value: Any) -> Any:
    """Return SHA-256 sums by architecture and version unchanged. ValueError names the wrong entry."""
    if not isinstance(value, Mapping):
        raise ValueError("must be {ARCHITECTURE: {VERSION: SHA256}}")  # noqa: TRY004 - pydantic's protocol
    for architecture, versions in value.items():
        if not isinstance(versions, Mapping):
            raise ValueError(f"{architecture}: must be {{VERSION: SHA256}}")  # noqa: TRY004
        for version, digest in versions.items():
            if not _SUM.fullmatch(str(digest)):
                raise ValueError(f"{architecture}: {version}: must be a SHA-256 sum of 64 hexadecimal digits")
    return value


def check_files_repo(value: Any) -> Any:
    """Return a URL, an absolute path or "" unchanged. Raises ValueError."""
    if value != "" and not (isinstance(value, str) and (value.startswith("/") or _URL.fullmatch(value))):
        raise ValueError("must be a URL such as https://files.example.com, or the absolute path of a folder")
    return value
