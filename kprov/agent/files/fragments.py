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

    Put a newline after a fragment that does not end with one, then the delimiter (with its escapes decoded).
    End the delimiter with a newline; with `always_newline` add one even if it has one, as Ansible does for
    fragments on the operator's machine.
    """
    try:
        pattern = None if regexp is None else re.compile(regexp)
    except re.error as error:
        raise ModuleError(f'Invalid Regexp ({error}) in "{regexp}"') from None
    separator = codecs.escape_decode(delimiter.encode())[0] if delimiter else b""
    if separator and (always_newline or not separator.endswith(b"\n")):
        separator += b"\n"
    content = fragment = b""
    for number, path in enumerate(_select_files(folder, pattern, ignore_hidden=ignore_hidden)):
        if number and not fragment.endswith(b"\n"):
            content += b"\n"
        fragment = read(path)
        content += (separator if number else b"") + fragment
    return content


def _select_files(folder: str, pattern: re.Pattern[str] | None, *, ignore_hidden: bool) -> list[str]:
    return [
        os.path.join(folder, name)
        for name in paths.list_names(folder)
        if (pattern is None or pattern.search(name))
        and paths.is_file(os.path.join(folder, name))
        and not (ignore_hidden and name.startswith("."))
    ]
