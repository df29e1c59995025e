"""References of images."""

from __future__ import annotations

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.images.references import (
    make_image,
    make_image_ref,
    split_reference,
    strip_image_ref,
)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("busybox", ("busybox", "latest")),
        ("busybox:1", ("busybox", "1")),
        ("a.test:5000/b/c", ("a.test:5000/b/c", "latest")),
        ("a.test:5000/b/c:2", ("a.test:5000/b/c", "2")),
        ("a.test:5000/b@sha256:12", ("a.test:5000/b", "sha256:12")),
        ("a.test:5000/b:2@sha256:12", ("a.test:5000/b", "sha256:12")),
    ],
)
def test_split(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts


def test_an_image() -> None:
    document = {
        "Id": "sha256:12",
        "RepoTags": ["a:1", "<none>:<none>"],
        "RepoDigests": ["a@sha256:34", "<none>@<none>"],
        "Size": 5,
        "Config": {"User": "10:20"},
    }
    assert make_image(document) == pb.Image(
        id="sha256:12", repo_tags=["a:1"], repo_digests=["a@sha256:34"], size=5, uid=pb.Int64Value(value=10)
    )
    named = {**document, "RepoTags": None, "RepoDigests": None, "Config": {"User": "web"}}
    assert make_image(named) == pb.Image(id="sha256:12", size=5, username="web")


def test_what_a_pods_status_shows() -> None:
    assert (
        make_image_ref({"Id": "sha256:12", "RepoDigests": ["a@sha256:34"]}) == "docker-pullable://a@sha256:34"
    )
    assert make_image_ref({"Id": "sha256:12", "RepoDigests": None}) == "docker://sha256:12"
    assert strip_image_ref("docker-pullable://a@sha256:34") == "a@sha256:34"
    assert strip_image_ref("docker://sha256:12") == "sha256:12"
    assert strip_image_ref("a:1") == "a:1"
