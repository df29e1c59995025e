"""The clock of a single program, which tests step. The clock of the machine stays as it is.

The library comes from Debian's package libfaketime. It cannot step the clocks of Go programs, such as etcd.
"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path
from typing import Final

from kprov.content.caches import CACHE
from kprov.debian import packages

_LIBRARY: Final = "libfaketimeMT.so.1"


class SteppedClock:
    """The wall clock of the programs that `command` starts. Their monotonic clock never steps."""

    def __init__(self, file: Path) -> None:
        """file: holds the offset."""
        self._file = file
        self.step_to(0)

    def step_to(self, seconds: int) -> None:
        """Let the clock be so far ahead of the machine's one."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{seconds:+d}\n")
        aside.rename(self._file)

    @property
    def command(self) -> list[str]:
        """Goes before the command of a program."""
        return [
            "env",
            f"LD_PRELOAD={_fetch_library()}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        ]


@functools.cache
def _fetch_library() -> Path:
    """The path of the library, fetched once. It is that of this machine's release: it uses its C library."""
    machine, release = platform.machine(), platform.freedesktop_os_release()["VERSION_CODENAME"]
    library = CACHE / "faketime" / release / _LIBRARY
    if not library.exists():
        deb = packages.fetch_package("libfaketime", arch=machine, cache=CACHE, release=release)
        member = f"usr/lib/{machine}-linux-gnu/faketime/{_LIBRARY}"
        library.parent.mkdir(parents=True, exist_ok=True)
        aside = library.with_suffix(f".{os.getpid()}")
        aside.write_bytes(packages.read_member(deb, member))
        aside.rename(library)
    return library
