"""From a key in etcd to the resource of its object."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.cacher import keys
from kprov.kube.machinery.resources import find

FOLDERS = {"pods": ("", "pods"), "services/specs": ("", "services"), "apiregistration.k8s.io/apiservices": ("apiregistration.k8s.io", "apiservices")}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("/registry/pods/default/a", ("", "pods")),
        ("/registry/services/specs/default/a", ("", "services")),
        ("/registry/apiregistration.k8s.io/apiservices/v1.apps", ("apiregistration.k8s.io", "apiservices")),
        ("/registry/example.com/widgets/default/a", ("example.com", "widgets")),
        ("/registry/example.com/widgets/a", ("example.com", "widgets")),
        ("/registry/masterleases/10.0.0.1", ("", "apiserveripinfo")),
        ("/registry/unknown/default/a", None),
        ("/registry/ranges", None),
        ("compact_rev_key", None),
    ],
)
def test_the_resource_of_a_key(key: str, wanted: tuple[str, str] | None) -> None:
    folders = {folder: find(group, "v1", plural) for folder, (group, plural) in FOLDERS.items()}
    finder = keys.build_finder({folder: held for folder, held in folders.items() if held is not None})
    assert finder(key) == wanted
