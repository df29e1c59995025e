"""ansible.posix, ansible.utils and community.general, taken from PyPI's `ansible` package into the user's cache."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: A change here needs a new name for the cache.
_WANTED = tuple(
    f"ansible_collections/{name}/" for name in ("ansible/posix", "ansible/utils", "community/general")
)
_CACHE = "ansible-collections-2"


def path() -> Path:
    """ANSIBLE_COLLECTIONS_PATH where it is set, else the cache, filled once."""
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kprov" / _CACHE
    cache.mkdir(parents=True, exist_ok=True)
    # Two pairs of twins begin at once.
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (cache / "ansible_collections").is_dir():
            _fill(cache)
    return cache


def _fill(cache: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "ansible")
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            wanted = [name for name in wheel.namelist() if name.startswith(_WANTED)]
            wheel.extractall(Path(folder) / "unpacked", wanted)
        (Path(folder) / "unpacked" / "ansible_collections").rename(cache / "ansible_collections")


if __name__ == "__main__":
    path()
