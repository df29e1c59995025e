"""The folder of what kprov builds and fetches once: bundles, packages, images of lab hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: The environment variable that names another folder.
VARIABLE = "KPROV_CACHE"


def find_cache(environment: Mapping[str, str], *, root: bool) -> Path:
    """Return the folder: $KPROV_CACHE, /var/cache/kprov for root, otherwise one in the home."""
    chosen = environment.get(VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    return (Path("/var/cache") if root else Path.home() / ".cache") / "kprov"


#: The folder of this process.
CACHE = find_cache(os.environ, root=os.geteuid() == 0)
