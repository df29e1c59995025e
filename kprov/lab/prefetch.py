"""Builds the image of lab hosts and the bundle for them side by side, before either is needed.

They need nothing of each other, and much of both is waiting for downloads. `make up` runs this module while
uv installs kprov's libraries, so it imports the standard library, `packaging` and `yaml` only.
"""

from __future__ import annotations

import platform
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from kprov.bundle.build import build_bundle
from kprov.debian.packages import PYTHON, RELEASE
from kprov.errors import KprovError
from kprov.lab import packages
from kprov.lab.image import ensure_image

Say = Callable[[str], None]


def prefetch_bundle(say: Say) -> None:
    """Build the bundle for hosts of a lab. The command that needs it reports what fails here."""
    with suppress(KprovError):
        build_bundle(python=PYTHON, arch=platform.machine(), say=say)


def prefetch_image(say: Say) -> None:
    """Build the image of a lab's hosts. The command that needs it reports what fails here."""
    with suppress(KprovError):
        packages.ensure_packages(say)
        ensure_image(RELEASE, say)


def start_prefetch(work: Callable[[Say], None], say: Say) -> threading.Thread:
    """Start one of the functions above in a thread. Whoever needs its result waits at the cache's lock."""
    # A thread that still downloads must not keep a failed or interrupted command alive.
    thread = threading.Thread(target=work, args=(say,), name=work.__name__, daemon=True)
    thread.start()
    return thread


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for _started in [start_prefetch(_work, _print) for _work in (prefetch_image, prefetch_bundle)]:
        _started.join()
