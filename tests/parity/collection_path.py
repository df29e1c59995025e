"""ansible.posix, ansible.utils and community.general, taken from PyPI's `ansible` package into the user's cache."""

from __future__ import annotations

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
    if not (cache / "ansible_collections").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            pip = (
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--dest",
                folder,
                "ansible",
            )
            subprocess.run(pip, check=True)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                wheel.extractall(
                    Path(folder) / "unpacked", [name for name in wheel.namelist() if name.startswith(_WANTED)]
                )
            (Path(folder) / "unpacked" / "ansible_collections").rename(cache / "ansible_collections")
    return cache
