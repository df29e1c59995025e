"""The bundle cache: complete folders and files under a key of their inputs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kprov.content.caches import CACHE
from kprov.errors import KprovError

DEFAULT = CACHE / "bundle"


def cache_key(made_from: Any) -> str:
    """Return a key of sixteen hexadecimal digits for a JSON value."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def lock_cache(cache: Path) -> Iterator[None]:
    """Wait until no other process builds in this cache.

    Raises:
        KprovError: the cache cannot be written.

    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / ".lock").open("w")
    except OSError as error:
        raise KprovError(
            f"{cache} cannot be written: {error.strerror}; choose another with --cache"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ensure_folder(place: Path, build: Callable[[Path], None]) -> Path:
    """Return the folder at `place`; build it under another name and rename it. Call it under the lock."""
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    for remains in place.parent.glob(".making-*"):
        shutil.rmtree(remains)
    aside = place.parent / f".making-{os.getpid()}"
    aside.mkdir()
    try:
        build(aside)
        aside.rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place
