"""YAML files that are read again and again are parsed once for the same text."""

from pathlib import Path

import pytest

from kprov.inventory import yaml_file
from kprov.inventory.vault.vault_format import Undecrypted


def test_shared_file_is_parsed_once_until_its_text_changes(tmp_path: Path) -> None:
    file = tmp_path / "main.yml"
    file.write_text("a: 1\n")
    first = yaml_file.load_shared(file)
    assert first == {"a": 1}
    assert yaml_file.load_shared(file) is first
    file.write_text("a: 2\n")
    assert yaml_file.load_shared(file) == {"a": 2}


def test_shared_files_of_equal_text_keep_their_own_places(tmp_path: Path) -> None:
    for name in ("one.yml", "two.yml"):
        (tmp_path / name).write_text("a: 1\n")
    assert [yaml_file.load_shared(tmp_path / name).file for name in ("one.yml", "two.yml")] == [
        str(tmp_path / "one.yml"),
        str(tmp_path / "two.yml"),
    ]


@pytest.mark.parametrize("start", ["a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  00\n"])
def test_shared_file_with_vault_values_is_parsed_anew(tmp_path: Path, start: str) -> None:
    """A password given later must decrypt them."""
    file = tmp_path / "main.yml"
    file.write_text(start)
    first = yaml_file.load_shared(file)
    assert isinstance(first["a"], Undecrypted)
    assert yaml_file.load_shared(file) is not first
