"""Containers in CRI's terms."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.containers.status import make_container_status, make_listed_container

NEVER = "0001-01-01T00:00:00Z"
IMAGE = {"Id": "sha256:12", "RepoTags": ["a.test/b:1"], "RepoDigests": ["a.test/b@sha256:34"]}


def inspect(**state: Any) -> dict[str, Any]:
    return {
        "Id": "def",
        "Name": "/k8s_main_web_shop_12_3",
        "Created": "1970-01-01T00:00:01Z",
        "Image": "sha256:12",
        "Config": {"Image": "sha256:12", "Labels": {"a": "b", "io.kubernetes.container.logpath": "/l"}},
        "HostConfig": {"Memory": 5, "OomScoreAdj": 0},
        "Mounts": [{"Source": "/s", "Destination": "/d", "RW": False}],
        "State": {
            "Running": False,
            "ExitCode": 0,
            "StartedAt": NEVER,
            "FinishedAt": NEVER,
            "Error": "",
            **state,
        },
    }


STARTED = {"StartedAt": "1970-01-01T00:00:02Z"}
ENDED = {**STARTED, "FinishedAt": "1970-01-01T00:00:03Z"}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, (pb.CONTAINER_CREATED, 0, "", 0, 0)),
        ({**STARTED, "Running": True}, (pb.CONTAINER_RUNNING, 0, "", 2, 0)),
        # Docker keeps the end of the run before.
        ({**ENDED, "Running": True}, (pb.CONTAINER_RUNNING, 0, "", 2, 0)),
        (ENDED, (pb.CONTAINER_EXITED, 0, "Completed", 2, 3)),
        ({**ENDED, "ExitCode": 4}, (pb.CONTAINER_EXITED, 4, "Error", 2, 3)),
        ({**ENDED, "ExitCode": 137, "OOMKilled": True}, (pb.CONTAINER_EXITED, 137, "OOMKilled", 2, 3)),
        ({"ExitCode": 127}, (pb.CONTAINER_EXITED, 127, "ContainerCannotRun", 1, 1)),
    ],
)
def test_states(state: dict[str, Any], expected: tuple[int, int, str, int, int]) -> None:
    status = make_container_status(inspect(**state), IMAGE)
    seconds = [time // 1_000_000_000 for time in (status.started_at, status.finished_at)]
    assert (status.state, status.exit_code, status.reason, *seconds) == expected


def test_images_have_names_for_people_and_identifiers() -> None:
    status = make_container_status(inspect(), IMAGE)
    assert status.image.image == "a.test/b:1"
    assert status.image_ref == "docker-pullable://a.test/b@sha256:34"
    assert status.image_id == "sha256:12"
    lost = make_container_status(inspect(), None)
    assert (lost.image.image, lost.image_ref) == ("sha256:12", "docker://sha256:12")


def test_the_rest() -> None:
    status = make_container_status(inspect(Error="why"), IMAGE)
    assert status.message == "why"
    assert dict(status.labels) == {"a": "b"}
    assert status.log_path == "/l"
    assert list(status.mounts) == [pb.Mount(host_path="/s", container_path="/d", readonly=True)]
    assert status.resources.linux.memory_limit_in_bytes == 5


def test_an_entry_of_a_list() -> None:
    listed = {
        "Id": "def",
        "Names": ["/k8s_main_web_shop_12_3"],
        "Labels": {"io.kubernetes.sandbox.id": "abc", "a": "b"},
        "Image": "a.test/b:1",
        "ImageID": "sha256:12",
        "State": "dead",
        "Created": 7,
    }
    container = make_listed_container(listed)
    assert (container.pod_sandbox_id, container.metadata.attempt) == ("abc", 3)
    assert (container.state, container.created_at) == (pb.CONTAINER_EXITED, 7_000_000_000)
    assert dict(container.labels) == {"a": "b"}
    assert make_listed_container({**listed, "State": "other"}).state == pb.CONTAINER_UNKNOWN
