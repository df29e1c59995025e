"""Copies large files from hosts to this machine, in parts, through the agent."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
from pathlib import Path

from kprov.errors import HostError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import run_command

_PART = 8 << 20


def fetch_file(cluster: Cluster, host: str, source: str, target: Path, sha256: str) -> None:
    """Copy a file of a host to a new file with mode 0600. Raises HostError if its SHA-256 sum differs."""
    size = int(run_command(cluster, host, f"stat -c %s {shlex.quote(source)}"))
    digest = hashlib.sha256()
    aside = target.with_name(f".{target.name}.part")
    aside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for number in range((size + _PART - 1) // _PART):
                line = (
                    f"dd if={shlex.quote(source)} bs={_PART} skip={number} count=1 status=none | base64 -w0"
                )
                part = base64.b64decode(run_command(cluster, host, line))
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise HostError(host, f"{source} has the SHA-256 sum {digest.hexdigest()}, its record {sha256}")
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
