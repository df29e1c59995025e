"""Whether a host is who it was: known_hosts files, and what to do with an unknown key."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import threading
from pathlib import Path

import paramiko

from kprov.errors import PreflightError
from kprov.transport.options import Options

_asking = threading.Lock()


def fingerprint(key: paramiko.PKey) -> str:
    """SHA256:... as ssh-keygen -l shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def label(options: Options) -> str:
    """The host as known_hosts writes it."""
    if options.host_key_alias:
        return options.host_key_alias
    return options.address if options.port == 22 else f"[{options.address}]:{options.port}"


def known(options: Options) -> list[tuple[paramiko.PKey, str, int]]:
    """Known keys of a host, each with its file and line."""
    found = []
    name = label(options)
    for text in options.known_hosts:
        path = Path(text).expanduser()
        if not path.is_file() or str(path) == os.devnull:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if not line.strip() or line.lstrip().startswith(("#", "@")):
                continue
            try:
                entry = paramiko.hostkeys.HostKeyEntry.from_line(line, number)
            except paramiko.hostkeys.InvalidHostKey:
                continue
            if entry is not None and entry.key is not None and _names(entry.hostnames or [], name):
                found.append((entry.key, str(path), number))
    return found


def _names(names: list[str], name: str) -> bool:
    for entry in names:
        if entry == name:
            return True
        if entry.startswith("|1|") and paramiko.HostKeys.hash_host(name, entry) == entry:
            return True
    return False


def check(options: Options, key: paramiko.PKey, keys: list[tuple[paramiko.PKey, str, int]]) -> None:
    """Take the host's key or raise PreflightError with both fingerprints and the old one's place."""
    if options.host_key_checking == "no" or any(known_key == key for known_key, _, _ in keys):
        return
    same_kind = [entry for entry in keys if entry[0].get_name() == key.get_name()] or keys
    if same_kind:
        old, path, line = same_kind[0]
        raise PreflightError(
            options.name,
            f"the host key of {label(options)} has changed: {path}:{line} has {fingerprint(old)}, "
            "the host shows "
            f"{fingerprint(key)} ({key.get_name()}); if the host was made anew, remove that line: "
            f"ssh-keygen -f {path} -R '{label(options)}'",
        )
    if options.host_key_checking == "yes":
        raise PreflightError(
            options.name,
            f"the host key of {label(options)} is not known "
            f"({key.get_name()} {fingerprint(key)}) and host key checking is "
            f"'yes'; add it to {options.known_hosts[0]}, or set kprov_host_key_checking: accept-new",
        )
    if options.host_key_checking == "ask" and not _ask(options, key):
        raise PreflightError(
            options.name,
            f"the host key of {label(options)} is not known "
            f"({key.get_name()} {fingerprint(key)}) and was not accepted; "
            "set kprov_host_key_checking: accept-new to accept new hosts",
        )
    _remember(options, key)


def _ask(options: Options, key: paramiko.PKey) -> bool:
    with _asking:
        if not sys.stdin.isatty():
            return False
        sys.stderr.write(
            f"{options.name} ({label(options)}) shows the {key.get_name()} key "
            f"{fingerprint(key)}, not known yet.\n"
        )
        sys.stderr.write("Accept and remember it? (yes/no) ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() == "yes"


def _remember(options: Options, key: paramiko.PKey) -> None:
    path = Path(options.known_hosts[0]).expanduser()
    if str(path) == os.devnull:
        return
    with _asking:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{label(options)} {key.get_name()} {key.get_base64()}\n")
