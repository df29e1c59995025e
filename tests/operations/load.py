"""The load under which operations run: a writer whose acknowledged writes must survive, and the API's longest gap."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.lab.prober import Prober
from tests.operations.persistent_writer import PersistentWriter

#: Seconds without an answer of the API. The hosts share two CPUs with the tests.
LONGEST_GAP = 30.0


@contextlib.contextmanager
def load(kubeconfig: Path, name: str) -> Iterator[PersistentWriter]:
    """Write and read during the block. Afterwards no acknowledged write is lost, and the gaps are printed."""
    writer, prober = PersistentWriter(name, kubeconfig), Prober(kubeconfig)
    writer.start()
    prober.start()
    try:
        yield writer
    finally:
        gap = prober.finish()
        writer.finish()
    sys.stdout.write(
        f"{name}: longest API gap {gap:.1f} s, {len(writer.acknowledged)} writes, {writer.gaps}\n"
    )
    assert writer.acknowledged
    assert writer.find_lost() == []
    assert gap < LONGEST_GAP
    writer.delete_all()
