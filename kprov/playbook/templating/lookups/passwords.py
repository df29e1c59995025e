# The option `seed` must make the same password for the same seed.
# ruff: noqa: S311
"""The password lookup: make a password once and store it in a file, in Ansible's format."""

from __future__ import annotations

import fcntl
import os
import random
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kprov.playbook.templating.filters.hashes import new_salt, password_hash
from kprov.playbook.templating.lookups.search import check_options, parse_key_values, playbook_folder
from kprov.playbook.templating.scope import Scope
from kprov.playbook.templating.values import FilterError

_KNOWN: dict[str, Any] = {
    "length": 20,
    "encrypt": None,
    "chars": ["ascii_letters", "digits", ".,:-_"],
    "ident": None,
    "seed": None,
}


def password(scope: Scope, terms: list[Any], **keywords: Any) -> list[Any]:
    """Return passwords from files (`PATH length=12 chars=digits`); /dev/null stores nothing."""
    passwords = []
    for term in terms:
        name, inline = parse_key_values(str(term))
        options = check_options({**keywords, **inline}, _KNOWN, "password")
        if options["encrypt"] not in (None, "") and options["encrypt"] not in (
            "md5_crypt",
            "bcrypt",
            "sha256_crypt",
            "sha512_crypt",
        ):
            raise FilterError("encrypt is one of md5_crypt, bcrypt, sha256_crypt, sha512_crypt")
        path = playbook_folder(scope) / Path(name).expanduser()
        if str(path) == os.devnull:
            passwords.append(_encrypt(*_read_or_make(None, options)[:3], options))
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(path):
            text = path.read_text(encoding="utf-8").rstrip() if path.exists() else None
            plain, salt, ident, changed = _read_or_make(text, options)
            if changed:
                _write_file(path, _format_line(plain, salt, ident))
        passwords.append(_encrypt(plain, salt, ident, options))
    return passwords


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock the folder for other processes; the lock ends with the process."""
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read_or_make(text: str | None, options: dict[str, Any]) -> tuple[str, str | None, str | None, bool]:
    """Return password, salt, ident, and whether the file must be written."""
    salt = ident = None
    changed = text is None
    if text is None:
        plain = _make_password(options)
    else:
        plain, slug, rest = text.rpartition(" salt=")
        if not slug:
            plain, rest = text, ""
        salt, _, ident = rest.partition(" ident=")
        salt, ident = salt or None, ident or None
    if options["encrypt"] and not salt:
        salt, changed = new_salt(options["encrypt"]), True
    if options["ident"] and ident and ident != options["ident"]:
        raise FilterError(
            f"The ident parameter provided ({options['ident']}) does not match the stored one ({ident})."
        )
    ident = ident or options["ident"]
    if options["encrypt"] == "bcrypt" and not ident:
        ident, changed = "2b", True
    return plain, salt, ident, changed


def _make_password(options: dict[str, Any]) -> str:
    chars = options["chars"]
    if isinstance(chars, str):
        chars = ([","] if ",," in chars else []) + [
            part for part in chars.replace(",,", ",").split(",") if part
        ]
    alphabet = "".join(str(getattr(string, name, name)) for name in chars).replace('"', "").replace("'", "")
    source = random.SystemRandom() if options["seed"] is None else random.Random(options["seed"])
    return "".join(source.choice(alphabet) for _ in range(int(options["length"])))


def _format_line(plain: str, salt: str | None, ident: str | None) -> str:
    text = plain if not salt else f"{plain} salt={salt}"
    return f"{text} ident={ident}\n" if salt and ident else f"{text}\n"


def _write_file(path: Path, text: str) -> None:
    """Write a temporary file with mode 0600, sync it and rename it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _encrypt(plain: str, salt: str | None, ident: str | None, options: dict[str, Any]) -> str:
    if not options["encrypt"]:
        return plain
    return password_hash(plain, str(options["encrypt"]), salt=salt, ident=ident)
