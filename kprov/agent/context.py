"""The context of a module: check and diff mode, contents from the operator, and errors."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict

from kprov.agent import temporary_files

Fetch = Callable[[str, str], Dict[str, str]]


class ModuleError(Exception):
    """A module failed; `result` has further return values of Ansible's module."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


class Context:
    """One task on this host.

    `check` and `diff` are Ansible's modes. `blobs` has small contents by SHA-256. `fetch(sha256, path)` gets
    a large one from the operator and writes it to a path; `sums` has its other checksums.
    `loop_cache` has values that earlier items of the message have read; a change by an item empties it.
    """

    def __init__(
        self,
        *,
        check: bool,
        diff: bool,
        environment: dict[str, str],
        blobs: dict[str, bytes],
        fetch: Fetch,
        loop_cache: dict[str, Any] | None = None,
    ) -> None:
        self.check = check
        self.diff = diff
        self.environment = environment
        self.blobs = blobs
        self._fetch = fetch
        self.sums: dict[str, dict[str, str]] = {}
        self.loop_cache = {} if loop_cache is None else loop_cache

    def content(self, sha256: str) -> bytes:
        """Return a content of the operator."""
        if sha256 not in self.blobs:
            path = self.content_file(sha256)
            try:
                with open(path, "rb") as file:
                    return file.read()
            finally:
                os.unlink(path)
        return self.blobs[sha256]

    def content_file(self, sha256: str, folder: str | None = None, suffix: str = "") -> str:
        """Write a content of the operator to a new file (0600), which the caller removes or renames."""
        handle, path = temporary_files.make_file(folder, suffix)
        try:
            if sha256 in self.blobs:
                data = self.blobs[sha256]
                while data:
                    data = data[os.write(handle, data) :]
            else:
                self.sums[sha256] = self._fetch(sha256, path)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(handle)
        return path


def parse_boolean(value: Any, *, default: bool = False) -> bool:
    """Convert Ansible's booleans: yes, on, true, 1 and their opposites."""
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("yes", "on", "true", "1", "y", "t", "1.0"):
        return True
    if text in ("no", "off", "false", "0", "n", "f", "0.0"):
        return False
    raise ModuleError(f"{value!r} is not a boolean")


def split_words(value: Any) -> list[str]:
    """Convert Ansible's lists: a list, or a text with commas."""
    if value is None or value == "":
        return []
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [word.strip() for word in str(value).split(",") if word.strip()]
