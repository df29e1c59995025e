"""Where the images are and how full their disk is, as the runtime says."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.cri.client import RuntimeFailure
from kprov.kube.kubelet.images.filesystem import ImageFilesystem
from tests.unit.kube.kubelet.cri_server import serve_cri


def make_answer(path: Path | str) -> pb.ImageFsInfoResponse:
    usage = pb.FilesystemUsage(
        timestamp=10**18,
        fs_id=pb.FilesystemIdentifier(mountpoint=str(path)),
        used_bytes=pb.UInt64Value(value=4096),
        inodes_used=pb.UInt64Value(value=7),
    )
    return pb.ImageFsInfoResponse(image_filesystems=[usage])


async def test_the_runtimes_disk_is_read(tmp_path: Path) -> None:
    async with serve_cri(tmp_path, {"ImageFsInfo": make_answer("/dev/shm")}) as cri:
        stats = await ImageFilesystem(cri).read()
    disk = os.statvfs("/dev/shm")
    assert (stats.capacity, stats.inodes) == (disk.f_blocks * disk.f_frsize, disk.f_files)
    assert (stats.time, stats.used, stats.inodes_used) == (10**18, 4096, 7)
    assert 0 < stats.available <= stats.capacity


async def test_a_runtime_that_names_no_disk_is_a_failure(tmp_path: Path) -> None:
    async with serve_cri(tmp_path, {"ImageFsInfo": pb.ImageFsInfoResponse()}) as cri:
        with pytest.raises(RuntimeFailure, match="imageFs information is unavailable"):
            await ImageFilesystem(cri).read()


async def test_the_path_is_remembered_while_the_runtime_does_not_answer(tmp_path: Path) -> None:
    answers = {"ImageFsInfo": grpc.StatusCode.UNAVAILABLE}
    async with serve_cri(tmp_path, {"ImageFsInfo": lambda: answers["ImageFsInfo"]}) as cri:
        filesystem = ImageFilesystem(cri)
        assert await filesystem.find_mountpoint() is None
        answers["ImageFsInfo"] = make_answer(tmp_path)
        assert await filesystem.find_mountpoint() == str(tmp_path)
        answers["ImageFsInfo"] = grpc.StatusCode.UNAVAILABLE
        assert await filesystem.find_mountpoint() == str(tmp_path)
