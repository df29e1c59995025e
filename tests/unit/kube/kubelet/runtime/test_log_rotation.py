"""Logs that grow."""

import gzip
from pathlib import Path

from kprov.kube.kubelet.config.options import KubeletConfig
from kprov.kube.kubelet.runtime import log_rotation


def test_a_log_is_put_away_when_it_is_too_large(tmp_path: Path) -> None:
    config = KubeletConfig(container_log_max_size="1Ki", container_log_max_files=3)
    log = tmp_path / "0.log"
    log.write_bytes(b"x" * 1024)
    assert not log_rotation.is_due(str(log), config)
    log.write_bytes(b"x" * 1025)
    assert log_rotation.is_due(str(log), config)
    log_rotation.put_away(str(log), config)
    assert not log.exists()
    assert [entry.stat().st_size for entry in tmp_path.iterdir()] == [1025]


def test_older_logs_are_packed_and_the_oldest_dropped(tmp_path: Path) -> None:
    config = KubeletConfig(container_log_max_files=3)
    log = tmp_path / "0.log"
    (tmp_path / "0.log.20250101-000000.gz").write_bytes(b"")
    (tmp_path / "0.log.20250102-000000").write_bytes(b"yesterday")
    log.write_bytes(b"today")
    log_rotation.put_away(str(log), config)
    first, second = sorted(tmp_path.iterdir())
    assert gzip.decompress(first.read_bytes()) == b"yesterday"
    assert second.read_bytes() == b"today"
