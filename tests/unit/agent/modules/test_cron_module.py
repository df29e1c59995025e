"""cron: lines of a file as it would be in /etc/cron.d."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def cron(do: Do, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(**args: Any) -> dict[str, Any]:
        return do("cron", cron_file=str(tmp_path / "jobs"), **args)

    return run


def test_a_job_is_kept_under_its_name(cron: Do, tmp_path: Path) -> None:
    assert cron(name="one", user="root", minute="5", job="/bin/true")["jobs"] == ["one"]
    assert not cron(name="one", user="root", minute="5", job="/bin/true")["changed"]
    assert cron(name="one", user="root", dow="1-5", job="/bin/true", disabled=True)["changed"]
    assert (tmp_path / "jobs").read_text() == "#Ansible: one\n#* * * * 1-5 root /bin/true\n"
    assert cron(name="two", user="root", special_time="daily", job="/bin/two")["changed"]
    assert (tmp_path / "jobs").read_text().endswith("#Ansible: two\n@daily root /bin/two\n")


def test_a_job_that_is_there_by_hand_gets_its_name(cron: Do, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("* * * * * root /bin/true\n")
    assert cron(name="one", user="root", job="/bin/true")["changed"]
    assert (tmp_path / "jobs").read_text() == "#Ansible: one\n* * * * * root /bin/true\n"


def test_the_last_job_takes_the_file_with_it(cron: Do, tmp_path: Path) -> None:
    cron(name="one", user="root", job="/bin/true")
    assert cron(name="one", state="absent", check=True)["changed"]
    assert cron(name="one", state="absent")["changed"]
    assert not (tmp_path / "jobs").exists()
    assert not cron(name="one", state="absent")["changed"]


def test_variables_have_places(cron: Do, tmp_path: Path) -> None:
    cron(name="B", user="root", env=True, job="b")
    cron(name="A", user="root", env=True, value="a", insertbefore="B")
    cron(name="C", user="root", env=True, value="c", insertafter="B")
    assert (tmp_path / "jobs").read_text() == 'A="a"\nB="b"\nC="c"\n'
    assert cron(name="B", env=True, state="absent")["envs"] == ["A", "C"]
    wrong = cron(name="D", user="root", env=True, job="d", insertafter="X")
    assert wrong["msg"] == "Variable named 'X' not found."


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"job": "x"}, "you must specify user"),
        ({"user": "root"}, "You must specify 'job'"),
        ({"user": "root", "job": "x", "special_time": "daily", "hour": "1"}, "cannot combine special_time"),
        ({"user": "root", "job": "x", "insertafter": "A"}, "valid only with env=yes"),
    ],
)
def test_what_does_not_fit_together_is_refused(cron: Do, args: dict[str, Any], text: str) -> None:
    assert text in cron(name="one", **args)["msg"]
