"""New hosts get the components of this kprov, which must fit those of the cluster."""

from __future__ import annotations

from kprov.bundle.metadata import Metadata
from kprov.operations.nodes.versions import find_misfits

OLD = Metadata("v1.36.0+kprov", "1234567890")
SAME = Metadata("v1.36.0+kprov", "fedcba9876")
NEWER = Metadata("v1.37.0+kprov")
FORMAT_2 = Metadata("v1.36.0+kprov", storage_writes=2, storage_reads=(1, 2))


def find(new: Metadata, installed: Metadata, control_plane: set[str], nodes: set[str]) -> list[str]:
    return find_misfits({"b": new}, {"a": installed}, control_plane, nodes)


def test_another_build_of_the_same_version_fits() -> None:
    assert find(SAME, OLD, {"a", "b"}, {"a", "b"}) == []


def test_a_kubelet_newer_than_an_api_server_does_not_fit() -> None:
    (problem,) = find(NEWER, OLD, {"a"}, {"b"})
    assert problem.startswith("the kubelet of b (v1.37.0) would be newer than the API server of a (v1.36.0)")


def test_an_api_server_whose_storage_format_the_others_cannot_read_does_not_fit() -> None:
    assert find(FORMAT_2, OLD, {"a", "b"}, set()) == [
        "the API server of b would write storage format 2, which that of a (v1.36.0+kprov (12345678)) cannot read"
    ]
    assert find(FORMAT_2, OLD, {"a"}, {"b"}) == []
    assert find(OLD, FORMAT_2, {"a", "b"}, set()) == []
