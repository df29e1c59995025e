"""The link from CRI's log path to Docker's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.cri_docker.containers.log_link import create_log_link, remove_log_link


def test_a_link_and_its_removal(tmp_path: Path) -> None:
    path = tmp_path / "logs/pod/main/0.log"
    create_log_link(str(path), "/docker/a.log")
    create_log_link(str(path), "/docker/b.log")
    assert path.readlink() == Path("/docker/b.log")
    remove_log_link(str(path))
    remove_log_link(str(path))
    assert not path.is_symlink()


def test_nothing_to_link(tmp_path: Path) -> None:
    create_log_link("", "/docker/a.log")
    remove_log_link("")
    create_log_link(str(tmp_path / "logs/pod/main/0.log"), "")
    remove_log_link(str(tmp_path / "logs/pod/main/0.log"))
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "logs/pod/main/0.log"
    path.parent.mkdir(parents=True)
    path.write_text("of somebody else")
    remove_log_link(str(path))
    assert path.exists()


def test_a_pod_cannot_lead_out_of_the_logs(tmp_path: Path) -> None:
    outside = tmp_path / "etc"
    outside.mkdir()
    (outside / "0.log").symlink_to("important")
    (tmp_path / "logs/pod").mkdir(parents=True)
    (tmp_path / "logs/pod/main").symlink_to(outside)
    for call in (lambda path: create_log_link(path, "/docker/a.log"), remove_log_link):
        with pytest.raises(OSError, match="main"):
            call(str(tmp_path / "logs/pod/main/0.log"))
    assert (outside / "0.log").readlink() == Path("important")
