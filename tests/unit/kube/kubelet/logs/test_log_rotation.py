"""Rotation of container logs."""

import gzip
from pathlib import Path

from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.logs import log_rotation


def test_a_log_is_rotated_when_it_is_too_large(tmp_path: Path) -> None:
    config = KubeletConfiguration(container_log_max_size="1Ki", container_log_max_files=3)
    log = tmp_path / "0.log"
    log.write_bytes(b"x" * 1024)
    assert not log_rotation.needs_rotation(str(log), config)
    log.write_bytes(b"x" * 1025)
    assert log_rotation.needs_rotation(str(log), config)
    log_rotation.rotate(str(log), config)
    assert not log.exists()
    assert [entry.stat().st_size for entry in tmp_path.iterdir()] == [1025]


def test_older_logs_are_compressed_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    config = KubeletConfiguration(container_log_max_files=3)
    log = tmp_path / "0.log"
    (tmp_path / "0.log.20250101-000000.gz").write_bytes(b"")
    (tmp_path / "0.log.20250102-000000").write_bytes(b"yesterday")
    log.write_bytes(b"today")
    log_rotation.rotate(str(log), config)
    first, second = sorted(tmp_path.iterdir())
    assert gzip.decompress(first.read_bytes()) == b"yesterday"
    assert second.read_bytes() == b"today"
