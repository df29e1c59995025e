"""Checksums of contents, without loading OpenSSL for small amounts of data.

Loading OpenSSL (by `import hashlib`) costs an agent about 7 ms of CPU. Python's built-in hash modules need as
long for a megabyte, and most runs hash less.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any, Iterable

#: Bytes after which OpenSSL is faster despite its start.
_OPENSSL_THRESHOLD = 1 << 19
#: Python's built-in hash modules, since 3.12 and before.
_BUILTIN_MODULES = {"sha256": ("_sha2", "_sha256"), "sha1": ("_sha1",), "md5": ("_md5",)}
_hashed = {"bytes": 0}


def new_hash(name: str, size: int) -> Any:
    """Return a hashlib-like object for a content of about `size` bytes; not for security."""
    _hashed["bytes"] += size
    own = _find_builtin(name) if _hashed["bytes"] <= _OPENSSL_THRESHOLD else None
    if own is not None:
        return own()
    import hashlib

    return hashlib.new(name, usedforsecurity=False)


def hash_bytes(name: str, data: bytes) -> str:
    """Return the hexadecimal checksum of a content."""
    digest = new_hash(name, len(data))
    digest.update(data)
    return str(digest.hexdigest())


def hash_parts(names: Iterable[str], parts: Iterable[bytes], size: int) -> dict[str, str]:
    """Return several checksums of a content in parts (about `size` bytes), reading it once."""
    digests = {name: new_hash(name, size) for name in names}
    for part in parts:
        for digest in digests.values():
            digest.update(part)
    return {name: digest.hexdigest() for name, digest in digests.items()}


@functools.lru_cache(maxsize=None)
def _find_builtin(name: str) -> Any:
    for module in _BUILTIN_MODULES.get(name, ()):
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError:
            # Another Python version, or a distribution without it.
            continue
    return None
