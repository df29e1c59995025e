"""Which generated tokens count as unused, and which secrets a pod uses."""

from datetime import UTC, date, datetime

import pytest

from kprov.kube.api.core import Pod, Secret
from kprov.kube.api.decoding import ViewDecoder
from kprov.kube.component_helpers.pod_secrets import list_secret_names
from kprov.kube.controller_manager.service_account.legacy_token_cleaner import is_unused, parse_day

SINCE = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("created", "last_used", "expected"),
    [
        ("2026-05-01T00:00:00Z", None, True),
        ("2026-06-01T12:00:00Z", None, False),
        ("2026-05-01T00:00:00Z", "2026-05-31", True),
        ("2026-05-01T00:00:00Z", "2026-06-01", False),
        ("2026-05-01T00:00:00Z", "yesterday", False),
    ],
)
def test_a_token_is_unused_by_its_label(created: str, last_used: str | None, expected: bool) -> None:
    secret = Secret()
    secret.metadata.creation_timestamp = created
    if last_used is not None:
        secret.metadata.labels = {"kubernetes.io/legacy-token-last-used": last_used}
    assert is_unused(secret, SINCE) is expected


def test_only_whole_dates_are_days() -> None:
    assert parse_day("2026-02-28") == date(2026, 2, 28)
    assert parse_day("2026-02-30") is None
    assert parse_day("") is None


def test_every_secret_of_a_pod_is_found() -> None:
    pod = ViewDecoder(Pod).decode(
        b"""{"spec": {
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "all"}}]}],
            "containers": [{"name": "c", "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}},
                {"name": "B", "value": "b"}]}],
            "volumes": [
                {"name": "a", "secret": {"secretName": "mounted"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "projected"}}]}},
                {"name": "c", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "publish"}}},
                {"name": "d", "emptyDir": {}}]}}"""
    )
    assert list_secret_names(pod) == {"pull", "all", "one", "mounted", "projected", "publish"}
