"""Revisions of stateful sets hold upstream's bytes, so that exchanging controller managers rolls nothing.

The exchange itself needs upstream's program: KPROV_TEST_UPSTREAM_CONTROLLER_MANAGER.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, running
from tests.apiserver.test_daemonset_revisions import LARGE, LARGE_DATA, SMALL, SMALL_DATA, wait_for_revision

#: Upstream's kube-controller-manager.
UPSTREAM: Final = "KPROV_TEST_UPSTREAM_CONTROLLER_MANAGER"
_PROGRAM: Final = os.environ.get(UPSTREAM, "")
_APPS: Final = "/apis/apps/v1/namespaces/default"
_REVISION_LABEL: Final = "controller-revision-hash"


@pytest.fixture
def server(tmp_path: Any) -> Iterator[ApiServer]:
    with running(tmp_path, "--disable-admission-plugins=ServiceAccount") as (_, found):
        yield found


def create_set(server: ApiServer, name: str, template: dict[str, Any]) -> None:
    labels = {**template["metadata"]["labels"], "app": name}
    template = {**template, "metadata": {**template["metadata"], "labels": labels}}
    spec = {
        "replicas": 1,
        "serviceName": name,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": name}},
        "template": template,
    }
    made = server.post(f"{_APPS}/statefulsets", {"metadata": {"name": name}, "spec": spec})
    assert made.status == 201, made.body


def list_revisions(server: ApiServer, name: str) -> list[tuple[Any, ...]]:
    """Name, UID, number and data of each."""
    found = server.get(f"{_APPS}/controllerrevisions?labelSelector=app={name}").json["items"]
    return [
        (each["metadata"]["name"], each["metadata"]["uid"], each["revision"], each["data"]) for each in found
    ]


def wait_for_pods(server: ApiServer, name: str, count: int) -> dict[str, tuple[str, str]]:
    """UID and revision by name, once there are so many pods."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        items = server.get(f"/api/v1/namespaces/default/pods?labelSelector=app={name}").json["items"]
        if len(items) == count:
            metadata = [pod["metadata"] for pod in items]
            return {each["name"]: (each["uid"], each["labels"][_REVISION_LABEL]) for each in metadata}
        time.sleep(0.1)
    raise AssertionError((server.folder / "controllers.log").read_text())


def test_a_revision_holds_upstreams_bytes(server: ApiServer) -> None:
    with controllers(server, "statefulset-controller"):
        for name, template, data in (("small", SMALL, SMALL_DATA), ("large", LARGE, LARGE_DATA)):
            create_set(server, name, template)
            body = wait_for_revision(server, f"{_APPS}/controllerrevisions?labelSelector=app={name}")
            assert b'"data":' + data.replace(b'"app":"d"', b'"app":"%s"' % name.encode()) in body


@pytest.mark.skipif(not _PROGRAM, reason=f"needs upstream's kube-controller-manager, named by {UPSTREAM}")
@pytest.mark.parametrize("from_upstream", [False, True], ids=["to_upstream", "from_upstream"])
def test_another_controller_manager_takes_over_without_a_roll(server: ApiServer, from_upstream: bool) -> None:
    """The second one scales the sets: its pods have the revision of the first one's pods, which stay."""
    programs: list[tuple[str, ...]] = [(), (_PROGRAM,)]
    first, second = reversed(programs) if from_upstream else programs
    names = {"small": SMALL, "large": LARGE}
    with controllers(server, "statefulset-controller", program=first):
        for name, template in names.items():
            create_set(server, name, template)
        before = {name: wait_for_pods(server, name, 1) for name in names}
        revisions = {name: list_revisions(server, name) for name in names}
    with controllers(server, "statefulset-controller", program=second):
        for name in names:
            scale = {"spec": {"replicas": 2}}
            merge = "application/merge-patch+json"
            path = f"{_APPS}/statefulsets/{name}"
            assert server.ask("PATCH", path, scale, content_type=merge).status == 200
        after = {name: wait_for_pods(server, name, 2) for name in names}
        for name in names:
            hashes = {revision for _, revision in after[name].values()}
            assert len(hashes) == 1
            assert before[name].items() <= after[name].items()
            assert len(revisions[name]) == 1
            assert list_revisions(server, name) == revisions[name]
