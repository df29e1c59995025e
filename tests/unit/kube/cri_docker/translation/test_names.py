"""Names of Docker containers."""

from __future__ import annotations

import pytest

from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.cri_docker.translation.names import (
    make_container_name,
    make_sandbox_name,
    parse_container_name,
    parse_sandbox_name,
)

SANDBOX = pb.PodSandboxMetadata(name="web-0", namespace="shop", uid="12-34", attempt=2)


def test_names_are_those_of_cri_dockerd() -> None:
    assert make_sandbox_name(SANDBOX) == "k8s_POD_web-0_shop_12-34_2"
    container = pb.ContainerMetadata(name="main", attempt=5)
    assert make_container_name(container, SANDBOX) == "k8s_main_web-0_shop_12-34_5"


def test_a_name_says_what_the_container_is() -> None:
    assert parse_sandbox_name("/k8s_POD_web-0_shop_12-34_2") == SANDBOX
    assert parse_container_name("/k8s_main_web-0_shop_12-34_5") == pb.ContainerMetadata(
        name="main", attempt=5
    )


def test_a_name_that_was_made_unique() -> None:
    assert parse_container_name("/k8s_main_web-0_shop_12-34_5_9f3a") == pb.ContainerMetadata(
        name="main", attempt=5
    )


@pytest.mark.parametrize(
    "name", ["", "/", "/web", "/k8s_main_web_shop_12", "/k8s_a_b_c_d_x", "/other_a_b_c_d_1"]
)
def test_other_names(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a container of Kubernetes"):
        parse_container_name(name)
