"""Options of `kprov etcd snapshot` that do not go together are errors of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.cli.commands.etcd_snapshot import SnapshotAction, SnapshotArguments
from kprov.errors import InputError


@pytest.mark.parametrize(
    ("action", "options", "message"),
    [
        ("list", {"output": Path()}, "--output: list writes no file"),
        ("list", {"name": "x"}, "--name: only fetch has this option, not list"),
        ("take", {"every": True}, "--all: only fetch has this option, not take"),
        ("take", {"from_store": True}, "--s3: a host takes the snapshot"),
        ("fetch", {"every": True, "name": "x"}, "--name: --all fetches all snapshots"),
        ("fetch", {"keep": 3}, "--keep: only `fetch --all` removes"),
    ],
)
def test_options_that_do_not_fit_are_errors(action: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        SnapshotArguments(["inventory"], **options).check(SnapshotAction(action))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("action", "options"),
    [
        ("take", {"output": Path()}),
        ("list", {"from_store": True}),
        ("fetch", {"every": True, "keep": 3, "from_store": True}),
    ],
)
def test_other_options_are_accepted(action: str, options: dict[str, Any]) -> None:
    SnapshotArguments(["inventory"], **options).check(SnapshotAction(action))
