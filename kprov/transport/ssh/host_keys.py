"""Checks host keys against known_hosts files, and handles unknown keys."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import functools
import hashlib
import os
import shlex
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import paramiko

from kprov.errors import PreflightError
from kprov.transport.options.host_options import Options

_asking = threading.Lock()


@dataclass(frozen=True)
class KnownHost:
    """One line of a known_hosts file; `marker` is "", "@revoked" or "@cert-authority"."""

    names: tuple[str, ...]
    kind: str
    blob: bytes
    path: str
    line: int
    marker: str = ""


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint (SHA256:...) as ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def host_label(options: Options) -> str:
    """Return the host as known_hosts writes it."""
    if options.host_key_alias:
        return options.host_key_alias
    return options.address if options.port == 22 else f"[{options.address}]:{options.port}"


def known_keys(options: Options) -> list[KnownHost]:
    """Return a host's lines in its known_hosts files, with all markers."""
    keys = []
    for text in options.known_hosts:
        path = Path(text).expanduser()
        if str(path) in (os.devnull, "none") or not path.is_file():
            continue
        state = path.stat()
        entries = _read_known_hosts(str(path), state.st_mtime_ns, state.st_size)
        keys += [entry for entry in entries if _matches_host(entry.names, host_label(options).lower())]
    return keys


@functools.lru_cache(maxsize=32)
def _read_known_hosts(path: str, changed: int, size: int) -> tuple[KnownHost, ...]:
    """Return all lines of a file. The times are cache keys: a changed file is read again."""
    del changed, size
    entries = []
    for number, line in enumerate(Path(path).read_text(errors="replace").splitlines(), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        entries.append(KnownHost(tuple(words[0].split(",")), words[1], blob, path, number, marker))
    return tuple(entries)


def _matches_host(names: tuple[str, ...], name: str) -> bool:
    """Whether a line is for a host: names, patterns with * and ?, hashes; ! negates a pattern."""
    fits = False
    for entry in names:
        if entry.startswith("|1|"):
            try:
                fits = fits or paramiko.HostKeys.hash_host(name, entry) == entry
            except (ValueError, binascii.Error):
                continue
        elif entry.startswith("!"):
            if fnmatch.fnmatchcase(name, _translate_pattern(entry[1:])):
                return False
        else:
            fits = fits or entry.lower() == name or fnmatch.fnmatchcase(name, _translate_pattern(entry))
    return fits


def _translate_pattern(text: str) -> str:
    # ssh's patterns have no character classes: brackets in [host]:port are literal.
    return text.lower().replace("[", "[[]")


def check_host_key(options: Options, key: paramiko.PKey, entries: list[KnownHost]) -> str | None:
    """Accept the host's key or raise PreflightError with both fingerprints and the place of the old key.

    Returns a warning when the key has changed and host key checking is "no": ssh then sends no password.
    """
    key_bytes, kind, name = key.asbytes(), key.get_name(), host_label(options)
    for entry in entries:
        if entry.marker == "@revoked" and entry.blob == key_bytes:
            text = f"the host key of {name} ({kind} {fingerprint(key_bytes)}) is revoked"
            raise PreflightError(options.name, f"{text}: {entry.path}:{entry.line}")
    plain = [entry for entry in entries if not entry.marker]
    if any(entry.blob == key_bytes for entry in plain):
        return None
    if not plain:
        _check_unknown_key(options, key, entries)
        return None
    old = next((entry for entry in plain if entry.kind == kind), plain[0])
    text = (
        f"the host key of {name} has changed: {old.path}:{old.line} has {fingerprint(old.blob)} "
        f"({old.kind}), the host sent {fingerprint(key_bytes)} ({kind}). "
        "Someone may be intercepting the connection. "
    )
    remedy = f"ssh-keygen -f {shlex.quote(old.path)} -R {shlex.quote(name)}"
    if options.host_key_checking != "no":
        raise PreflightError(options.name, f"{text}If the host was reinstalled, remove the old key: {remedy}")
    return (
        f"{text}Host key checking is 'no': the login continues, but sends no password. "
        f"If the host was reinstalled, remove the old key: {remedy}"
    )


def _check_unknown_key(options: Options, key: paramiko.PKey, entries: list[KnownHost]) -> None:
    name, what = host_label(options), f"({key.get_name()} {fingerprint(key.asbytes())})"
    authority = next((entry for entry in entries if entry.marker == "@cert-authority"), None)
    if options.host_key_checking == "yes":
        hint = f"add it to {options.known_hosts[0]}, or set kprov_host_key_checking: accept-new"
        if authority is not None:
            hint = (
                f"the authority in {authority.path}:{authority.line} cannot be used, because host "
                f"certificates are not supported: {hint}"
            )
        text = f"the host key of {name} is not known {what} and host key checking is 'yes'; {hint}"
        raise PreflightError(options.name, text)
    if options.host_key_checking == "no" and not options.known_hosts:
        return
    with _asking:
        # For many hosts behind one new jump host the user is asked once.
        if any(entry.blob == key.asbytes() for entry in known_keys(options) if not entry.marker):
            return
        if options.host_key_checking == "ask" and not _ask_user(options, what):
            raise PreflightError(
                options.name,
                f"the host key of {name} is not known {what} and was not accepted; "
                "set kprov_host_key_checking: accept-new to accept new hosts",
            )
        _add_known_host(options, key)


def _ask_user(options: Options, what: str) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(
        f"{options.name} ({host_label(options)}) shows a host key that is not known yet {what}.\n"
    )
    sys.stderr.write("Accept and remember it? (yes/no) ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _add_known_host(options: Options, key: paramiko.PKey) -> None:
    path = Path(options.known_hosts[0]).expanduser()
    if str(path) in (os.devnull, "none"):
        return
    name = host_label(options).lower()
    if options.hash_known_hosts:
        name = paramiko.HostKeys.hash_host(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a+b") as file:
        # A last line without a newline would join with the new one.
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(f"{name} {key.get_name()} {key.get_base64()}\n".encode())
