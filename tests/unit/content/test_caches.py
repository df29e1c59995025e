"""The folder of caches: of the machine for root, of the home for others, or what a variable names."""

from pathlib import Path

import pytest

from kprov.content.caches import find_cache


@pytest.mark.parametrize(
    ("environment", "root", "folder"),
    [
        ({}, True, Path("/var/cache/kprov")),
        ({}, False, Path.home() / ".cache/kprov"),
        ({"KPROV_CACHE": ""}, True, Path("/var/cache/kprov")),
        ({"KPROV_CACHE": "/srv/cache"}, True, Path("/srv/cache")),
        ({"KPROV_CACHE": "cache"}, False, Path.cwd() / "cache"),
    ],
)
def test_cache_folder(environment: dict[str, str], *, root: bool, folder: Path) -> None:
    assert find_cache(environment, root=root) == folder
