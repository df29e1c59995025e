"""Checksums of contents: Python's own code for the first bytes, OpenSSL's from then on.

Loading OpenSSL (which `import hashlib` does) takes an agent some 7 ms of CPU, as long as Python's own code
takes for a megabyte; most runs look at less. The results are the same.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, Iterable

#: Bytes after which OpenSSL is worth its start.
_ENOUGH = 1 << 19
#: Modules that have Python's own: since 3.12, and before.
_OWN = {"sha256": ("_sha2", "_sha256"), "sha1": ("_sha1",), "md5": ("_md5",)}
_summed = {"bytes": 0}


def new_hash(name: str, size: int) -> Any:
    """A hash object of hashlib's kind for a content of about `size` bytes; not for secrets."""
    _summed["bytes"] += size
    own = _find_builtin(name) if _summed["bytes"] <= _ENOUGH else None
    if own is not None:
        return own()
    import hashlib

    return hashlib.new(name, usedforsecurity=False)


def hash_bytes(name: str, data: bytes) -> str:
    """The checksum of a content, hexadecimal."""
    one = new_hash(name, len(data))
    one.update(data)
    return str(one.hexdigest())


def hash_parts(names: Iterable[str], parts: Iterable[bytes], size: int) -> dict[str, str]:
    """Several checksums of a content of about `size` bytes that comes in parts, read once."""
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
            # Older or newer, or a distribution that leaves it out.
            continue
    return None
