"""kprov's own playbooks have no mistake that an ordinary playbook is only warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.cluster import CLUSTER_PLAYBOOK
from kprov.playbook.loading import playbook_loader, static_includes

PLAYBOOKS = sorted(CLUSTER_PLAYBOOK.parent.glob("*.yml"))


def load_warnings(path: Path) -> list[str]:
    """Return the warnings of a playbook and of the files that it includes by name."""
    plays = playbook_loader.load_playbook(path)
    static_includes.check_static_includes(path, plays)
    return [text for play in plays for text in play.warnings]


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_own_playbooks_and_roles_load_without_warnings(path: Path) -> None:
    assert load_warnings(path) == []


def test_a_wrong_argument_in_a_role_would_be_found(tmp_path: Path) -> None:
    tasks = tmp_path / "roles/r/tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text("- include_tasks: more.yml\n")
    more = "- command: 'true'\n  args: {warn: false}\n- service: {name: x, state: running}\n"
    (tasks / "more.yml").write_text(more)
    (tmp_path / "play.yml").write_text("- hosts: all\n  roles: [r]\n")
    unknown, impossible = load_warnings(tmp_path / "play.yml")
    assert "more.yml:2: command takes no argument 'warn'" in unknown
    assert "more.yml:3: service: value of state must be one of" in impossible


def test_a_module_that_is_run_alone_is_still_refused() -> None:
    with pytest.raises(InputError, match="command takes no argument 'warn'"):
        playbook_loader.make_single_task_play("all", "command", {"cmd": "true", "warn": False})
