"""The bundle cache: folders and files that are there whole, under a key over what they were made from."""

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

from kprov.errors import KprovError

# Whoever is not root keeps bundles at home.
DEFAULT = (Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache") / "kprov/bundle"


def cache_key(made_from: Any) -> str:
    """Sixteen hexadecimal digits over a JSON-able value."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def lock_cache(cache: Path) -> Iterator[None]:
    """Wait until nobody else builds into this cache.

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
    """The folder at `place`; built aside and renamed when it is not there. To be called under the lock."""
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
