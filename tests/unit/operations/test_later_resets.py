"""A run is not continued on hosts that were reset since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kprov.errors import InputError
from kprov.operations.later_resets import check_not_reset, explain_finished
from kprov.playbook.results.journal import EarlierRun


def write_journal(
    folder: Path, number: int, command: str, *hosts: str, limit: str | None = None
) -> EarlierRun:
    """Write the journal of a run of this minute in which each host has finished a task."""
    lines: list[dict[str, Any]] = [{"event": "run", "command": command, "limit": limit}]
    lines += [{"event": "task", "host": host, "key": "1", "outcome": "changed"} for host in hosts]
    path = folder / f"{number}.jsonl"
    path.write_text("".join(json.dumps({"time": 60 * number, **line}) + "\n" for line in lines))
    return EarlierRun(path)


def test_an_up_is_not_continued_on_hosts_that_were_reset(tmp_path: Path) -> None:
    write_journal(tmp_path, 1, "reset", "a", "b", "c")
    up = write_journal(tmp_path, 2, "up", "a", "b", "c")
    check_not_reset(up, "inv")
    write_journal(tmp_path, 3, "reset", "d", limit="d")
    check_not_reset(up, "inv")
    write_journal(tmp_path, 4, "reset", "c", limit="c")
    with pytest.raises(
        InputError, match=r"c: `kprov reset` of .* after this run: `kprov up -i inv` sets them"
    ):
        check_not_reset(up, "inv")
    write_journal(tmp_path, 5, "reset", "a", "b", "c")
    with pytest.raises(
        InputError, match=r"a, b, c, d: .*`kprov up -i inv` creates .* `kprov etcd restore FILE"
    ):
        check_not_reset(up, "inv")


def test_an_operation_is_not_continued_after_a_reset_of_all_hosts(tmp_path: Path) -> None:
    renewal = write_journal(tmp_path, 1, "certs renew")
    write_journal(tmp_path, 2, "reset", "a", limit="a")
    check_not_reset(renewal, "inv")
    write_journal(tmp_path, 3, "reset", "a", "b")
    with pytest.raises(InputError, match=r"a, b: `kprov reset` .*`kprov up -i inv` creates"):
        check_not_reset(renewal, "inv")


def test_a_playbook_of_the_user_and_a_reset_are_continued(tmp_path: Path) -> None:
    play, reset = write_journal(tmp_path, 1, "play", "a"), write_journal(tmp_path, 2, "reset", "a")
    write_journal(tmp_path, 3, "reset", "a")
    check_not_reset(play, "inv")
    check_not_reset(reset, "inv")


def test_after_a_successful_reset_the_command_that_was_meant_is_named() -> None:
    text = explain_finished({"command": "reset", "time": 0}, "inv")
    assert "`kprov reset` of 19" in text
    assert "was successful; there is nothing to continue: `kprov up -i inv` creates a new cluster" in text
    single = explain_finished({"command": "reset", "limit": "c", "time": 0}, "inv")
    assert single.endswith("`kprov up -i inv` sets its hosts up again")
    assert explain_finished({"command": "up", "time": 0}, "inv").endswith("there is nothing to continue")
