"""Logs whose folder a pod has as a volume of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.logs import log_file, log_paths, log_rotation

LINE = "2026-01-01T00:00:00.000000000Z stdout F text\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log_paths.make_folder(tmp_path / "logs" / "ns_pod_uid" / "c", str(tmp_path / "logs"))
    return tmp_path / "logs" / "ns_pod_uid" / "c" / "0.log"


def test_a_log_is_read_by_its_path(log: Path) -> None:
    log.write_text(LINE)
    assert log_file.read_tail(str(log), lines=5, limit=100) == "text\n"


@pytest.mark.parametrize("part", ["file", "folder of the container", "folder of the pod"])
def test_links_below_the_folder_of_all_logs_are_not_followed(tmp_path: Path, log: Path, part: str) -> None:
    outside = tmp_path / "outside" / "c"
    outside.mkdir(parents=True)
    (outside / "0.log").write_text(LINE * 1000)
    link = {"file": log, "folder of the container": log.parent, "folder of the pod": log.parent.parent}[part]
    target = {"file": outside / "0.log", "folder of the container": outside}.get(part, outside.parent)
    if part != "file":
        link.rename(tmp_path / "moved")
    link.symlink_to(target)
    config = KubeletConfiguration(container_log_max_size="1Ki")
    assert log_file.read_tail(str(log), lines=5, limit=100) == ""
    assert not log_rotation.needs_rotation(str(log), config)
    if part != "file":
        with pytest.raises(OSError, match=r"."):
            log_rotation.rotate(str(log), config)
        with pytest.raises(OSError, match=r"."):
            log_paths.make_folder(log.parent, str(tmp_path / "logs"))
    assert [entry.name for entry in outside.iterdir()] == ["0.log"]
