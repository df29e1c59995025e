"""Parses ssh(1) arguments, as in ansible_ssh_common_args and ProxyCommand, into ssh_config(5) settings."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from kprov.errors import InputError

#: Options with a value, and options without.
_VALUED = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_FLAGS = frozenset("46AaCfGgKkMNnqsTtVvXxYy")
_SETTINGS = {
    "i": "identityfile",
    "J": "proxyjump",
    "l": "user",
    "p": "port",
    "F": "configfile",
    "W": "forward",
}
#: Options that kprov supports, and options that concern only OpenSSH's own client.
KNOWN = frozenset(
    [
        "hostname",
        "port",
        "user",
        "identityfile",
        "identityagent",
        "identitiesonly",
        "userknownhostsfile",
        "globalknownhostsfile",
        "stricthostkeychecking",
        "hostkeyalias",
        "connecttimeout",
        "serveraliveinterval",
        "serveralivecountmax",
        "proxyjump",
        "proxycommand",
        "hashknownhosts",
        "pubkeyauthentication",
    ]
)
_HARMLESS = frozenset(
    [
        "addkeystoagent",
        "batchmode",
        "canonicalizehostname",
        "checkhostip",
        "clearallforwardings",
        "compression",
        "connectionattempts",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "enableescapecommandline",
        "escapechar",
        "exitonforwardfailure",
        "forkafterauthentication",
        "forwardagent",
        "forwardx11",
        "forwardx11trusted",
        "gssapiauthentication",
        "gssapidelegatecredentials",
        "hostbasedauthentication",
        "ignoreunknown",
        "ipqos",
        "kbdinteractiveauthentication",
        "loglevel",
        "logverbose",
        "nohostauthenticationforlocalhost",
        "numberofpasswordprompts",
        "obscurekeystroketiming",
        "passwordauthentication",
        "permitlocalcommand",
        "preferredauthentications",
        "proxyusefdpass",
        "rekeylimit",
        "requesttty",
        "sendenv",
        "sessiontype",
        "setenv",
        "stdinnull",
        "streamlocalbindunlink",
        "tag",
        "tcpkeepalive",
        "updatehostkeys",
        "verifyhostkeydns",
        "visualhostkey",
        "xauthlocation",
        "challengeresponseauthentication",
        "protocol",
    ]
)
#: Options that have no effect for a program without a terminal.
_IGNORED_LETTERS = frozenset("46AaCfGgKkMNnqsTtVvXxYyeESO")


@dataclass(frozen=True)
class Command:
    """One ssh command: its settings, its destination, and a program to run there ("" for none)."""

    settings: dict[str, Any]
    destination: str = ""
    program: str = ""


def merge_settings(settings: dict[str, Any], more: dict[str, Any]) -> None:
    """Add later settings: the first value of a setting counts, identity files accumulate."""
    for key, value in more.items():
        if key == "identityfile":
            settings[key] = [*settings.get(key, []), *value]
        else:
            settings.setdefault(key, value)


def parse_arguments(words: list[str], *, field: str) -> dict[str, Any]:
    """Return the settings of arguments without a destination. Raises InputError for unsupported ones."""
    command = parse_command(words, field=field)
    if command.destination:
        raise InputError(f"{command.destination!r} is not an option of ssh", field=field)
    return command.settings


def parse_command(words: list[str], *, field: str) -> Command:
    """Parse a whole command after the word `ssh`. Raises InputError."""
    settings: dict[str, Any] = {}
    destination, rest = "", list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            if destination:
                return Command(settings, destination, shlex.join([word, *rest]))
            destination = word
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _FLAGS:
                continue
            if letter not in _VALUED:
                raise InputError(f"ssh has no option -{letter} ({word!r})", field=field)
            if not letters and not rest:
                raise InputError(f"ssh's option -{letter} needs a value", field=field)
            merge_settings(settings, _read_setting(letter, letters or rest.pop(0), field))
            letters = ""
    return Command(settings, destination)


def _read_setting(letter: str, value: str, field: str) -> dict[str, Any]:
    if letter == "o":
        name, _, text = re.sub(r"\s*=\s*|\s+", "=", value.strip(), count=1).partition("=")
        name = name.lower()
        if name in _HARMLESS:
            return {}
        if name not in KNOWN:
            raise InputError(f"ssh's option {value!r} is not supported; remove it", field=field)
        return {name: [_unquote(text)] if name == "identityfile" else _unquote(text)}
    if letter in _IGNORED_LETTERS:
        return {}
    if letter not in _SETTINGS:
        raise InputError(f"ssh's option -{letter} {value} is not supported; remove it", field=field)
    return {_SETTINGS[letter]: [value] if letter == "i" else value}


def _unquote(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
