"""Checksums of contents, without loading OpenSSL for small amounts of data.

Loading OpenSSL (by `import hashlib`) costs an agent about 7 ms of CPU. Python's built-in hash modules need as
long for a megabyte, and most runs hash less.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, Iterable

#: Bytes after which OpenSSL is faster despite its start.
_ENOUGH = 1 << 19
#: Python's built-in hash modules, since 3.12 and before.
_OWN = {"sha256": ("_sha2", "_sha256"), "sha1": ("_sha1",), "md5": ("_md5",)}
_summed = {"bytes": 0}


def new_hash(name: str, size: int) -> Any:
    """Return a hashlib-like object for a content of about `size` bytes; not for security."""
    _summed["bytes"] += size
    own = _find_builtin(name) if _summed["bytes"] <= _ENOUGH else None
    if own is not None:
        return own()
    import hashlib

    return hashlib.new(name, usedforsecurity=False)


def hash_bytes(name: str, data: bytes) -> str:
    """Return the hexadecimal checksum of a content."""
    one = new_hash(name, len(data))
    one.update(data)
    return str(one.hexdigest())


def hash_parts(names: Iterable[str], parts: Iterable[bytes], size: int) -> dict[str, str]:
    """Return several checksums of a content in parts (about `size` bytes), reading it once."""
    found = {name: new_hash(name, size) for name in names}
    for part in parts:
        for one in found.values():
            one.update(part)
    return {name: one.hexdigest() for name, one in found.items()}


@functools.lru_cache(maxsize=None)
def _find_builtin(name: str) -> Any:
    for module in _OWN.get(name, ()):
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError:
            # Another Python version, or a distribution without it.
            continue
    return None
