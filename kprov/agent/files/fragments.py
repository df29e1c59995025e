"""Joins the files of a folder, for ansible.builtin.assemble on the host and on the operator's machine."""

from __future__ import annotations

import codecs
import os
import re
from typing import Callable

from kprov.agent.context import ModuleError
from kprov.agent.files import paths


def join_fragments(
    folder: str,
    delimiter: str | None,
    regexp: str | None,
    *,
    ignore_hidden: bool,
    always_newline: bool,
    read: Callable[[str], bytes] = paths.read_bytes,
) -> bytes:
    """Join the fragments in the order of their names.

    A newline comes between two where the first has none at its end; then the delimiter with its escapes, and
    a newline where it has none (`always_newline`: also where it has one, as with Ansible and the operator's
    fragments).
    """
    try:
        pattern = None if regexp is None else re.compile(regexp)
    except re.error as error:
        raise ModuleError(f'Invalid Regexp ({error}) in "{regexp}"') from None
    between = codecs.escape_decode(delimiter.encode())[0] if delimiter else b""
    if between and (always_newline or not between.endswith(b"\n")):
        between += b"\n"
    whole = last = b""
    for number, path in enumerate(_select_files(folder, pattern, ignore_hidden=ignore_hidden)):
        if number and not last.endswith(b"\n"):
            whole += b"\n"
        last = read(path)
        whole += (between if number else b"") + last
    return whole


def _select_files(folder: str, pattern: re.Pattern[str] | None, *, ignore_hidden: bool) -> list[str]:
    return [
        os.path.join(folder, name)
        for name in paths.list_names(folder)
        if (pattern is None or pattern.search(name))
        and paths.is_file(os.path.join(folder, name))
        and not (ignore_hidden and name.startswith("."))
    ]
