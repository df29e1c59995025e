"""Settings of Python's garbage collector for processes with large caches."""

import gc
from typing import Final

# Objects of the API have no cycles, so that collections find little: make them rare.
_THRESHOLDS: Final = (10_000, 20, 10)


def exclude_caches() -> None:
    """Exclude all objects so far from collections, and make these rare. For caches that are filled."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
