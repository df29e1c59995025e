"""The folder for the temporary files of a run of ansible-core, which may be killed at any moment."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class TemporaryFolder:
    """A folder that takes the place of /tmp. `keep`: the run succeeded, and its files are for later tasks."""

    path: Path
    keep: bool = False


@contextmanager
def make_folder() -> Iterator[TemporaryFolder]:
    """Make a folder, and remove it in the end unless it has files to keep."""
    folder = TemporaryFolder(Path(tempfile.mkdtemp(prefix="kprov-tmp-")))
    # As /tmp: a task may become another user.
    folder.path.chmod(0o1777)
    try:
        yield folder
    finally:
        if not (folder.keep and any(folder.path.iterdir())):
            shutil.rmtree(folder.path, ignore_errors=True)
