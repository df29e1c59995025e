"""Merges a kubeconfig into the user's own file, as `kubectl config view --flatten` of both would be.

Source: k8s.io/client-go/tools/clientcmd (loader.go, config.go): the file's choice and its lock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from kprov.errors import InputError
from kprov.pki import files

#: Seconds to wait for another program that changes the file.
_LOCK_SECONDS = 5.0
#: The lists of a kubeconfig, with the name of each entry's content.
_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}

Document = dict[str, Any]


def find_user_file(environment: Mapping[str, str]) -> Path:
    """Return the file that kubectl changes: the first existing one of $KUBECONFIG, else ~/.kube/config."""
    listed = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    if not listed:
        return Path(environment.get("HOME") or Path.home()) / ".kube" / "config"
    return next((path for path in listed if path.exists()), listed[-1])


def merge_into_file(path: Path, added: Document) -> None:
    """Add the entries of a kubeconfig to a file and make its context the current one.

    Entries with other names stay as they are. Raises InputError if the file is invalid, or if an entry of the
    same name belongs to another cluster.
    """
    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(target):
        document = merge_documents(_read(target), added, target)
        files.write_file(target, yaml.safe_dump(document, sort_keys=False).encode(), files.PRIVATE)


def merge_documents(existing: Document, added: Document, path: Path) -> Document:
    """Return the existing document with the entries and the current context of the other."""
    _reject_other_cluster(existing, added, path)
    merged: Document = {"apiVersion": "v1", "kind": "Config"} | existing
    for name in _LISTS:
        entries = {entry["name"]: entry for entry in existing.get(name) or []}
        entries |= {entry["name"]: entry for entry in added[name]}
        merged[name] = list(entries.values())
    merged["current-context"] = added["current-context"]
    return merged


def _reject_other_cluster(existing: Document, added: Document, path: Path) -> None:
    """Raise InputError if the file has a cluster of the same name at another address with another CA."""
    known = {entry["name"]: entry.get("cluster") or {} for entry in existing.get("clusters") or []}
    for entry in added["clusters"]:
        there, new = known.get(entry["name"]), entry["cluster"]
        same = there is None or any(
            there.get(field) == new.get(field) for field in ("server", "certificate-authority-data")
        )
        if not same:
            other = f"{entry['name']!r} ({(there or {}).get('server')})"
            text = f"has another cluster {other}; choose a name with --name"
            raise InputError(text, file=path, field="clusters")


def _read(path: Path) -> Document:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is not a kubeconfig: {error}", file=path) from error
    document = {} if document is None else document
    if not isinstance(document, dict):
        raise InputError("is not a kubeconfig: it must be a mapping", file=path)
    for name, content in _LISTS.items():
        # kubectl writes `null` for an empty list.
        entries = [] if document.get(name) is None else document[name]
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and "name" in entry for entry in entries
        ):
            raise InputError(f"must be a list of {content}s with names", file=path, field=name)
    return document


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock file that kubectl uses, too."""
    lock = path.with_name(f"{path.name}.lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                text = "another program changes the kubeconfig; remove this file if none does"
                raise InputError(text, file=lock) from None
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
