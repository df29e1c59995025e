"""Generated tokens that nobody uses."""

from __future__ import annotations

from datetime import UTC, datetime

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers

NAME = "legacy-service-account-token-cleaner"
TRACKING = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"


def create_token(space: Space, name: str, **labels: str) -> None:
    metadata = {
        "name": name,
        "annotations": {"kubernetes.io/service-account.name": "robot"},
        "labels": {f"kubernetes.io/legacy-token-{key.replace('_', '-')}": day for key, day in labels.items()},
    }
    space.create("secrets", {"metadata": metadata, "type": "kubernetes.io/service-account-token"})


def get_labels(space: Space, name: str) -> JsonObject:
    return dict(space.get("secrets", name)["metadata"].get("labels", {}))


def test_unused_tokens_are_marked_and_then_deleted(space: Space) -> None:
    """All at once: the controller looks once a day."""
    today = datetime.now(UTC).date().isoformat()
    generated = ("unused", "expired", "used-today", "mounted", "malformed")
    secrets = [{"name": name} for name in generated]
    space.create("serviceaccounts", {"metadata": {"name": "robot"}, "secrets": secrets})
    create_token(space, "unused", last_used="2026-01-01")
    create_token(space, "expired", last_used="2026-01-01", invalid_since="2026-02-01")
    create_token(space, "used-today", last_used=today)
    create_token(space, "mounted", last_used="2026-01-01")
    create_token(space, "malformed", last_used="yesterday")
    create_token(space, "made-by-a-user", last_used="2026-01-01", invalid_since="2026-02-01")
    space.create_pod("user", volumes=[{"name": "token", "secret": {"secretName": "mounted"}}])
    eventually(lambda: space.server.get(TRACKING).status == 200)
    merge(space.server, TRACKING, {"data": {"since": "2026-01-01"}})
    flags = ["--legacy-service-account-token-clean-up-period=1ms"]
    with controllers(space.server, NAME, flags=flags):
        eventually(lambda: not space.exists("secrets", "expired"))
        eventually(lambda: get_labels(space, "unused").get(INVALID_SINCE) == today)
    for name in ("used-today", "mounted", "malformed"):
        assert INVALID_SINCE not in get_labels(space, name)
    assert space.exists("secrets", "made-by-a-user")
