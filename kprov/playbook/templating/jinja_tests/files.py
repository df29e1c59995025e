"""Tests of files on the operator's machine."""

from __future__ import annotations

import os.path
from collections.abc import Callable
from typing import Any

from kprov.playbook.templating.values import FilterError


def _is_vaulted_file(value: Any) -> bool:
    try:
        with open(value, "rb") as file:
            return file.read(14) == b"$ANSIBLE_VAULT"
    except OSError as error:
        raise FilterError(f"Cannot test if the file {value!r} is a vault: {error.strerror}") from None


TESTS: dict[str, Callable[..., Any]] = {
    "exists": os.path.exists,
    "link_exists": os.path.lexists,
    "file": os.path.isfile,
    "is_file": os.path.isfile,
    "directory": os.path.isdir,
    "is_dir": os.path.isdir,
    "link": os.path.islink,
    "is_link": os.path.islink,
    "abs": os.path.isabs,
    "is_abs": os.path.isabs,
    "same_file": os.path.samefile,
    "is_same_file": os.path.samefile,
    "mount": os.path.ismount,
    "is_mount": os.path.ismount,
    "vaulted_file": _is_vaulted_file,
}
