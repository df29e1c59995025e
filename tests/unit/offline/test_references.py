"""Names of images: as docker and containerd complete them."""

from __future__ import annotations

import pytest

from kprov.errors import InputError
from kprov.offline.references import parse_reference

_DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25", "docker.io/library/nginx:1.25"),
        ("team/app", "docker.io/team/app:latest"),
        ("quay.io/team/app:v1", "quay.io/team/app:v1"),
        ("localhost/app:v1", "localhost/app:v1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry.k8s.io/a/b/c:v1.2", "registry.k8s.io/a/b/c:v1.2"),
        (f"quay.io/app@{_DIGEST}", f"quay.io/app@{_DIGEST}"),
        (f"quay.io/app:v1@{_DIGEST}", f"quay.io/app@{_DIGEST}"),
    ],
)
def test_names_are_completed(text: str, full: str) -> None:
    assert str(parse_reference(text)) == full


@pytest.mark.parametrize("text", ["", "Nginx", "a//b", "nginx:-x", "a b", "nginx@sha256:12", "/x"])
def test_other_texts_are_rejected(text: str) -> None:
    with pytest.raises(InputError, match="is not the name of an image") as error:
        parse_reference(text)
    assert error.value.field == "--image"


def test_images_of_a_registry_with_a_port_have_a_folder_without_a_colon() -> None:
    assert parse_reference("Registry.local:5000/team/app").stored_repository == "registry.local_5000/team/app"
