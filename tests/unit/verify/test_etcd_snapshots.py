"""When the newest proof of a snapshot is too old."""

from __future__ import annotations

import pytest

from kprov.verify.checks.etcd_snapshots import judge_proof

HOUR = 3600.0
RECORD = {"file": "etcd-1.db.gz", "host": "a", "revision": 5, "proven": 100 * HOUR}


@pytest.mark.parametrize(("hours", "ok"), [(1, True), (24, True), (25, False)])
def test_an_old_proof_fails(hours: int, ok: bool) -> None:
    finding = judge_proof(RECORD, now=(100 + hours) * HOUR, created=0, max_age=24 * HOUR)
    assert finding.ok is ok
    assert "etcd-1.db.gz on a, revision 5" in finding.detail


@pytest.mark.parametrize(("hours", "ok"), [(1, True), (25, False)])
def test_a_new_cluster_needs_no_proof_yet(hours: int, ok: bool) -> None:
    finding = judge_proof(None, now=(100 + hours) * HOUR, created=100 * HOUR, max_age=24 * HOUR)
    assert finding.ok is ok


def test_a_failed_run_is_a_warning_while_the_proof_is_fresh() -> None:
    finding = judge_proof(RECORD, now=101 * HOUR, created=0, max_age=24 * HOUR, result="exit-code")
    assert finding.ok
    assert finding.warning
    assert "journalctl -u etcd-snapshot" in finding.detail
