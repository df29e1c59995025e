"""Checks of connection variables without templates, which can run when the inventory is read."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

from kprov.errors import InputError
from kprov.transport.options import ssh_arguments
from kprov.transport.options.host_options import CONNECTIONS, METHODS, parse_host_key_mode


def find_problem(name: str, value: Any) -> str | None:
    """Return what is wrong with a variable's value; None if it is valid, a template, or not checked here."""
    check = _CHECKS.get(name)
    text = str(value)
    if check is None or value is None or text == "" or "{{" in text or "{%" in text:
        return None
    try:
        check(text)
    except InputError as error:
        return error.reason.removeprefix(": ")
    except ValueError as error:
        return str(error)
    return None


def _check_ssh_arguments(text: str) -> None:
    ssh_arguments.parse_arguments(shlex.split(text), field="")


def _check_port(text: str) -> None:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise ValueError(f"{text!r} is not a port")


def _check_seconds(text: str) -> None:
    try:
        float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None


def _check_connection(text: str) -> None:
    if text.rsplit(".", maxsplit=1)[-1] not in CONNECTIONS:
        raise ValueError(f"connection {text!r} is not supported; use ssh or local")


def check_become_method(text: str) -> None:
    """Raise ValueError for a become_method that is not supported."""
    if text.rsplit(".", maxsplit=1)[-1] not in METHODS:
        raise ValueError(f"become_method {text!r} is not supported; {', '.join(METHODS)} are")


def _check_host_key_mode(text: str) -> None:
    parse_host_key_mode("", text)


_CHECKS: dict[str, Callable[[str], None]] = {
    **dict.fromkeys(
        ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"), _check_ssh_arguments
    ),
    **dict.fromkeys(("ansible_port", "ansible_ssh_port"), _check_port),
    **dict.fromkeys(("ansible_timeout", "ansible_ssh_timeout"), _check_seconds),
    "ansible_connection": _check_connection,
    "ansible_become_method": check_become_method,
    "kprov_host_key_checking": _check_host_key_mode,
}
