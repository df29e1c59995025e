"""Mounts as Docker's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kprov.kube.component_base.rpc.status import RpcError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.mounts import create_sources, make_mounts

OLD, NEW = (1, 41), (1, 44)


def make(version: tuple[int, int], **fields: Any) -> dict[str, Any]:
    [mount] = make_mounts([pb.Mount(host_path="/a:b", container_path="/c", **fields)], version)["Mounts"]
    assert isinstance(mount, dict)
    return mount


def test_a_mount() -> None:
    assert make(OLD) == {
        "Type": "bind",
        "Source": "/a:b",
        "Target": "/c",
        "ReadOnly": False,
        "BindOptions": {"Propagation": "rprivate"},
    }


def test_propagation() -> None:
    slave = make(OLD, propagation=pb.PROPAGATION_HOST_TO_CONTAINER)
    shared = make(OLD, propagation=pb.PROPAGATION_BIDIRECTIONAL)
    assert [mount["BindOptions"]["Propagation"] for mount in (slave, shared)] == ["rslave", "rshared"]


def test_read_only_is_not_recursive_unless_asked_for() -> None:
    assert make(OLD, readonly=True)["BindOptions"] == {"Propagation": "rprivate"}
    assert make(NEW, readonly=True)["BindOptions"] == {
        "Propagation": "rprivate",
        "ReadOnlyNonRecursive": True,
    }
    recursive = make(NEW, readonly=True, recursive_read_only=True)["BindOptions"]
    assert recursive == {"Propagation": "rprivate", "ReadOnlyForceRecursive": True}
    with pytest.raises(RpcError, match="need Docker Engine 25"):
        make(OLD, readonly=True, recursive_read_only=True)


def test_image_volumes_are_refused() -> None:
    with pytest.raises(RpcError, match="image volumes are not supported"):
        make(NEW, image=pb.ImageSpec(image="a"))


def test_missing_sources_become_folders(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    create_sources([pb.Mount(host_path=str(tmp_path / "a/b")), pb.Mount(host_path=str(file))])
    assert (tmp_path / "a/b").is_dir()
    with pytest.raises(RpcError, match="failed to create the source of a mount"):
        create_sources([pb.Mount(host_path=str(file / "below"))])
