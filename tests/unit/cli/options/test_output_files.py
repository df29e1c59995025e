"""Files that a command could not write, or that writing would destroy, are errors before it starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.cli.options.output_files import check_writable
from kprov.errors import InputError


def test_a_new_file_and_an_existing_one_can_be_written(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json", field="--report")
    (tmp_path / "old.json").touch()
    check_writable(tmp_path / "old.json", field="--report")


def test_a_folder_and_a_file_in_no_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        check_writable(tmp_path, field="--report")
    with pytest.raises(InputError, match="does not exist"):
        check_writable(tmp_path / "absent" / "file", field="--report")


def test_a_device_and_a_pipe_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(InputError, match="not a regular file") as caught:
            check_writable(path, field="--out")
        assert (caught.value.file, caught.value.field) == (path, "--out")
