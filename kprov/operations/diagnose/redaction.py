"""Removes secrets from texts, and finds those that are left."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from kprov.inventory import secrets
from kprov.inventory.secrets import MASK
from kprov.operations.diagnose.arguments import mask_arguments

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
#: "-----BEGIN " in base64, as kubeconfigs and secrets have it.
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]+")
_BEARER = re.compile(r"(?i)(\bbearer\s+)(?!\*)[A-Za-z0-9._~+/-]{8,}=*")
_BASIC = re.compile(r"(?i)(\bauthorization:\s*basic\s+)(?!\*)[A-Za-z0-9+/]{8,}=*")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")
#: A bootstrap token, or the token of a join command.
_BOOTSTRAP = re.compile(r"(?i)(token[^\n]{0,20}?)\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
#: A token in any text. A name of a host has parts around these two, an event the name of its object.
_BARE_BOOTSTRAP = re.compile(r"(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w-]|\.\w)")
_URL = re.compile(r"(://[^/\s:@]+:)(?!\*)[^/\s@]+(?=@)")
#: Names of settings with a secret. Names such as token-auth-file and tokenTTL are none.
_NAME = (
    r"[\w.-]*(?:password|passwd|passphrase|auth_pass|secret_?key|client[_-]?secret|access_?key|api_?key"
    r"|key-data)|auth|token|[\w]+_token|identitytoken"
)
#: `password: x`, `"token": "x"`, `--client-secret=x`. A path of a file is no secret.
_SETTING = re.compile(
    rf"""(?im)((?<![\w-])(?:--)?["']?(?:{_NAME})["']?\s*[:=]\s*)"""
    r"""(?:(["'])(?!/)[^"'\n*]+\2|(?![/"'*{\[])(?!(?:true|false|null|none|yes|no)\b)[^\s"',;}\]]+)""",
)
#: `auth_pass x` of keepalived, `--token x` of a command line.
_WORD = re.compile(r"(?im)((?:\bauth_pass|--password|--token|--client-secret)[ \t]+)(?![*-])\S+")
_LEFT = {
    "a private key": _PRIVATE_KEY,
    "a bearer token": _BEARER,
    "a bootstrap token": _BARE_BOOTSTRAP,
    "a JWT": _JWT,
    "a password in a URL": _URL,
}


def redact_text(text: str) -> str:
    """Return the text without secrets: known ones, keys in PEM, tokens, passwords in settings and URLs."""
    text = secrets.scrub(text)
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _ENCODED_PEM.sub(lambda match: MASK if _is_key(match[0]) else match[0], text)
    text = _JWT.sub(MASK, text)
    for expression in (_BEARER, _BASIC, _BOOTSTRAP, _URL, _WORD):
        text = expression.sub(rf"\g<1>{MASK}", text)
    text = mask_arguments(_BARE_BOOTSTRAP.sub(MASK, text))
    return _SETTING.sub(rf"\g<1>\g<2>{MASK}\g<2>", text)


def redact_objects(text: str) -> str:
    """Return the JSON document of `kubectl get` without values of environment variables, then redacted.

    Also without last-applied-configuration, which repeats the object.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return redact_text(text)
    _mask_values(document)
    return redact_text(json.dumps(document, indent=1))


def find_secrets(text: str) -> list[str]:
    """Return what kinds of secrets a text has; empty if none."""
    kinds = [name for name, expression in _LEFT.items() if expression.search(text)]
    if any(_is_key(match[0]) for match in _ENCODED_PEM.finditer(text)):
        kinds.append("a private key in base64")
    if secrets.within(text):
        kinds.append("a secret of the inventory")
    return kinds


def register_key(pem: str) -> None:
    """Treat every line of a private key as a secret."""
    for line in pem.splitlines():
        if not line.startswith("-----") and len(line.strip()) >= secrets.SHORTEST_LINE:
            secrets.register(line.strip())


def _is_key(encoded: str) -> bool:
    try:
        return b"PRIVATE KEY-----" in base64.b64decode(encoded[: len(encoded) // 4 * 4])
    except (ValueError, binascii.Error):
        return True  # cut in the middle: rather too little than a key


def _mask_values(value: Any) -> None:
    for part in _walk(value):
        _mask_words(part)
        for name in ("env", "annotations"):
            child = part.get(name)
            if name == "env" and isinstance(child, list):
                for variable in child:
                    if isinstance(variable, dict) and variable.get("value"):
                        variable["value"] = MASK
            elif isinstance(child, dict):
                child.pop("kubectl.kubernetes.io/last-applied-configuration", None)


def _mask_words(container: dict[str, Any]) -> None:
    """Mask passwords in the words of a container or a probe: its program may stand in another list."""
    lists = {name: container[name] for name in ("command", "args") if isinstance(container.get(name), list)}
    words = [str(word) for part in lists.values() for word in part]
    masked = iter(mask_arguments("\0".join(words)).split("\0"))
    for name, part in lists.items():
        container[name] = [next(masked) for _ in part]


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _walk(child)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child)
