"""ansible.builtin.rpm_key: keys that rpm trusts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import Any

from kprov.agent.context import Context, ModuleError
from kprov.agent.package_programs import find_program, run_program
from kprov.agent.web import url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"default": "present", "choices": ["absent", "present"]},
    "key": {"required": True, "no_log": False},
    "fingerprint": {"type": "list", "elements": "str"},
    "validate_certs": {"type": "bool", "default": True},
}
_GPG = ("--no-tty", "--batch", "--with-colons", "--fixed-list-mode")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Import a key from a URL or a file, or remove one by URL, file or key id."""
    rpm, gpg = find_program("rpm"), shutil.which("gpg") or find_program("gpg2")
    key = args["key"]
    with contextlib.ExitStack() as stack:
        path = None
        if "://" in key:
            path = stack.enter_context(url_requests.download_file(key))
            with open(path, encoding="utf-8", errors="replace") as file:
                if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in file.read():
                    raise ModuleError(f"Not a public key: {url_requests.mask_credentials(key)}")
        elif not re.match("(0x)?[0-9a-f]{8}", key, re.IGNORECASE):
            if not os.path.isfile(key):
                raise ModuleError(f"Not a valid key {key}")
            path = key
        key_name = key if path is None else _read_field([gpg, *_GPG, path], "pub", 4)[0]
        key_name = re.sub("^0X", "", key_name.strip().upper())
        is_trusted = any(key_name in key_id for key_id in _list_trusted_keys(rpm, gpg))
        if args["state"] == "absent":
            if is_trusted and not context.check:
                _run([rpm, "--erase", "--allmatches", f"gpg-pubkey-{key_name[-8:].lower()}"])
            return {"changed": is_trusted}
        if not is_trusted:
            _import_key(rpm, gpg, path, args, context)
        return {"changed": not is_trusted}


def _import_key(rpm: str, gpg: str, path: str | None, args: dict[str, Any], context: Context) -> None:
    if path is None:
        raise ModuleError("When importing a key, a valid file must be given")
    requested = {text.replace(" ", "").upper() for text in args["fingerprint"] or []}
    if requested:
        show_options = ("--import", "--import-options", "show-only", "--dry-run", path)
        fingerprints = set(_read_field([gpg, *_GPG, *show_options], "fpr", 9))
        if not requested <= fingerprints:
            text = f"The specified fingerprint, '{requested}', does not match any key fingerprints in"
            raise ModuleError(f"{text} '{fingerprints}'")
    if not context.check:
        _run([rpm, "--import", path])


def _list_trusted_keys(rpm: str, gpg: str) -> list[str]:
    code, out, _ = run_program([rpm, "-q", "gpg-pubkey", "--qf", "%{description}"])
    if code:
        return []
    return [
        line.split(":")[4]
        for line in _run([gpg, *_GPG, "-"], out.encode()).splitlines()
        if line.count(":") > 4
    ]


def _read_field(command: list[str], kind: str, number: int) -> list[str]:
    lines = (line.strip() for line in _run(command).splitlines())
    values = [line.split(":")[number] for line in lines if line.startswith(f"{kind}:")]
    if not values:
        raise ModuleError("Unexpected gpg output")
    return values


def _run(command: list[str], stdin: bytes = b"") -> str:
    code, out, err = run_program(command, stdin=stdin)
    if code:
        raise ModuleError(err)
    return out
