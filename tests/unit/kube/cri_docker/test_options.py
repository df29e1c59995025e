"""Flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.kube.cri_docker.options import parse


def test_defaults() -> None:
    options = parse([])
    assert options.socket == Path("/run/cri-docker.sock")
    assert options.engine_socket == "/run/docker.sock"
    assert options.cni_bin_dirs == (Path("/opt/cni/bin"),)
    assert options.pull_progress_seconds == 60


def test_values() -> None:
    options = parse(
        [
            "--container-runtime-endpoint=unix:///a/b",
            "--cni-bin-dir=/x,/y",
            "--image-pull-progress-deadline=2m",
            "--healthz-bind-address=[::1]:7",
        ]
    )
    assert options.socket == Path("/a/b")
    assert options.cni_bin_dirs == (Path("/x"), Path("/y"))
    assert options.pull_progress_seconds == 120
    assert (options.health_address, options.health_port) == ("::1", 7)


@pytest.mark.parametrize("flag", ["--docker-endpoint=tcp://a", "--healthz-bind-address=a"])
def test_wrong_values(flag: str) -> None:
    with pytest.raises(SystemExit, match="Error: --"):
        parse([flag])
