"""A termination message is read from the file that the kubelet made, and from no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kprov.kube.api.meta import PodUID
from kprov.kube.kubelet.cri import pod_state
from kprov.kube.kubelet.runtime.termination_message import make_termination_log, read_termination_message
from tests.unit.kube.kubelet.kubelet_builders import container, exited, pod

UID = PodUID("u1")


def read(root: Path, host_path: str) -> str:
    annotations = {pod_state.TERMINATION_PATH: "/dev/termination-log", pod_state.TERMINATION_POLICY: "File"}
    ended = exited(annotations=annotations, mounts={"/dev/termination-log": host_path})
    return read_termination_message(UID, ended, root)


def make(root: Path) -> Path:
    made = make_termination_log(pod(), container(terminationMessagePath="/dev/termination-log"), root)
    assert made is not None
    return Path(made.host_path)


def test_the_end_of_the_containers_file_is_read(tmp_path: Path) -> None:
    file = make(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o666
    file.write_text("x" * 5000 + "end")
    assert len(read(tmp_path, str(file))) == 4096
    assert read(tmp_path, str(file)).endswith("xend")


@pytest.mark.parametrize("kind", ["link", "other file", "dots", "pipe"])
def test_another_file_is_not_read(tmp_path: Path, kind: str) -> None:
    """The pod mounted a file of its volume, or of the host, at the path of the message."""
    (tmp_path / "secret").write_text("secret")
    file = make(tmp_path)
    path = str(file)
    if kind == "link":
        file.unlink()
        file.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        file.unlink()
        os.mkfifo(file)
    elif kind == "dots":
        path = f"{tmp_path}/pods/u1/containers/../../../secret"
    else:
        path = str(tmp_path / "secret")
    assert read(tmp_path, path) == ""
