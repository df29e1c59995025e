"""ansible.builtin.rpm_key: keys that rpm trusts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import Any

from kprov.agent.apt import commands as apt_commands
from kprov.agent.context import Context, ModuleError
from kprov.agent.web import url_requests

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"default": "present", "choices": ["absent", "present"]},
    "key": {"required": True, "no_log": False},
    "fingerprint": {"type": "list", "elements": "str"},
    "validate_certs": {"type": "bool", "default": True},
}
_GPG = ("--no-tty", "--batch", "--with-colons", "--fixed-list-mode")


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Import a key, given as URL or file, or drop one, given by its id too."""
    rpm, gpg = apt_commands.find_program("rpm"), shutil.which("gpg") or apt_commands.find_program("gpg2")
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
        name = key if path is None else _field([gpg, *_GPG, path], "pub", 4)[0]
        name = re.sub("^0X", "", name.strip().upper())
        there = any(name in known for known in _is_known(rpm, gpg))
        if args["state"] == "absent":
            if there and not context.check:
                _run([rpm, "--erase", "--allmatches", f"gpg-pubkey-{name[-8:].lower()}"])
            return {"changed": there}
        if not there:
            _import(rpm, gpg, path, args, context)
        return {"changed": not there}


def _import(rpm: str, gpg: str, path: str | None, args: dict[str, Any], context: Context) -> None:
    if path is None:
        raise ModuleError("When importing a key, a valid file must be given")
    wanted = {text.replace(" ", "").upper() for text in args["fingerprint"] or []}
    if wanted:
        show = ("--import", "--import-options", "show-only", "--dry-run", path)
        found = set(_field([gpg, *_GPG, *show], "fpr", 9))
        if not wanted <= found:
            raise ModuleError(
                f"The specified fingerprint, '{wanted}', does not match any key fingerprints in '{found}'"
            )
    if not context.check:
        _run([rpm, "--import", path])


def _is_known(rpm: str, gpg: str) -> list[str]:
    code, out, _ = apt_commands.run_command([rpm, "-q", "gpg-pubkey", "--qf", "%{description}"])
    if code:
        return []
    return [
        line.split(":")[4]
        for line in _run([gpg, *_GPG, "-"], out.encode()).splitlines()
        if line.count(":") > 4
    ]


def _field(command: list[str], kind: str, number: int) -> list[str]:
    lines = (line.strip() for line in _run(command).splitlines())
    found = [line.split(":")[number] for line in lines if line.startswith(f"{kind}:")]
    if not found:
        raise ModuleError("Unexpected gpg output")
    return found


def _run(command: list[str], stdin: bytes = b"") -> str:
    code, out, err = apt_commands.run_command(command, stdin=stdin)
    if code:
        raise ModuleError(err)
    return out
