"""A pod with hostUsers false has IDs of its own, or it does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_base.configfile import ConfigError
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.errors import ContainerConfigError
from kprov.kube.kubelet.runtime import container_config, sandbox_config
from kprov.kube.kubelet.runtime.user_namespaces import UserNamespaces, find_range
from tests.unit.kube.kubelet.kubelet_builders import container, pod

ROOT = {"hostId": 0, "containerId": 0, "length": 65536}
ABLE = {"": pb.RuntimeHandlerFeatures(user_namespaces=True), "old": pb.RuntimeHandlerFeatures()}


def isolated(uid: str = "u1") -> Pod:
    made = pod(hostUsers=False)
    made.metadata.uid = uid
    return made


def make(root: Path, handlers: dict[str, pb.RuntimeHandlerFeatures] | None = ABLE) -> UserNamespaces:
    return UserNamespaces(KubeletConfiguration(root_dir=str(root)), lambda: handlers)


def list_folders(root: Path) -> list[PodUID]:
    return [PodUID(entry.name) for entry in (root / "pods").iterdir()]


def test_each_pod_has_its_own_range_and_keeps_it(tmp_path: Path) -> None:
    namespaces = make(tmp_path)
    first = namespaces.get_or_create(isolated("u1"), "")
    second = namespaces.get_or_create(isolated("u2"), "")
    assert first.mode == pb.POD
    assert first.uids == first.gids
    assert [(item.host_id, item.container_id, item.length) for item in first.uids] == [(65536, 0, 65536)]
    assert second.uids[0].host_id == 131072
    assert namespaces.get_or_create(isolated("u1"), "") == first


def test_the_ranges_outlive_the_kubelet_in_upstreams_file(tmp_path: Path) -> None:
    before = make(tmp_path).get_or_create(isolated("u1"), "")
    file = tmp_path / "pods" / "u1" / "userns"
    ids = [{"hostId": 65536, "containerId": 0, "length": 65536}]
    assert json.loads(file.read_text()) == {"uidMappings": ids, "gidMappings": ids}
    (tmp_path / "pods" / "without").mkdir()
    namespaces = make(tmp_path)
    namespaces.recover(list_folders(tmp_path))
    assert namespaces.get_or_create(isolated("u2"), "").uids[0].host_id != 65536
    assert namespaces.get_or_create(isolated("u1"), "") == before


def test_a_range_is_free_again_when_the_pod_is_gone(tmp_path: Path) -> None:
    config = KubeletConfiguration(root_dir=str(tmp_path), ids_per_pod=1 << 30, max_pods=3)
    namespaces = UserNamespaces(config, lambda: ABLE)
    for uid in ("u1", "u2", "u3"):
        namespaces.get_or_create(isolated(uid), "")
    with pytest.raises(ContainerConfigError, match="could not find an empty slot"):
        namespaces.get_or_create(isolated("u4"), "")
    namespaces.release(PodUID("u2"))
    assert not (tmp_path / "pods" / "u2" / "userns").exists()
    assert namespaces.get_or_create(isolated("u4"), "").uids[0].host_id == 2 << 30


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "truncated"),
        ("{}", "uidMappings"),
        ('{"uidMappings":[],"gidMappings":[]}', "expected one range"),
        (
            json.dumps({key: [ROOT] for key in ("uidMappings", "gidMappings")}),
            "the range 0:65536 does not fit",
        ),
    ],
)
def test_a_damaged_file_stops_the_kubelet_with_its_name(tmp_path: Path, content: str, problem: str) -> None:
    """Another pod could get the range."""
    folder = tmp_path / "pods" / "u1"
    folder.mkdir(parents=True)
    (folder / "userns").write_text(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        make(tmp_path).recover([PodUID("u1")])
    assert str(folder / "userns") in str(caught.value)


@pytest.mark.parametrize(
    ("handlers", "handler", "problem"),
    [
        ({}, "", "can't set `spec.hostUsers: false`, runtime does not support user namespaces"),
        (ABLE, "", None),
        (
            ABLE,
            "old",
            'can\'t set `spec.hostUsers: false`, RuntimeClass handler "old" does not support user namespaces',
        ),
    ],
)
def test_a_runtime_that_cannot_gets_no_such_pod(
    tmp_path: Path, handlers: dict[str, pb.RuntimeHandlerFeatures], handler: str, problem: str | None
) -> None:
    namespaces = make(tmp_path, handlers)
    assert namespaces.find_problem(isolated(), handler, has_sandbox=False) == problem
    assert namespaces.find_problem(pod(), handler, has_sandbox=True) is None
    if problem is not None:
        with pytest.raises(ContainerConfigError) as caught:
            namespaces.get_or_create(isolated(), handler)
        assert str(caught.value) == problem


def test_a_pod_that_an_older_kubelet_started_as_real_root_is_found(tmp_path: Path) -> None:
    problem = make(tmp_path).find_problem(isolated(), "", has_sandbox=True)
    assert problem is not None
    assert "was started without the user namespace" in problem


def test_a_runtime_that_was_not_asked_yet_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="did not say yet"):
        make(tmp_path, None).find_problem(isolated(), "", has_sandbox=False)


def test_sandbox_containers_and_mounts_get_the_same_mappings(tmp_path: Path) -> None:
    config = KubeletConfiguration(root_dir=str(tmp_path))
    users = make(tmp_path).get_or_create(isolated(), "")
    sandbox = sandbox_config.generate_pod_sandbox_config(isolated(), 0, config, users)
    made = container_config.generate_container_config(
        isolated(),
        container(),
        restart_count=0,
        env={},
        image=pb.Image(id="sha256:1"),
        mounts=[pb.Mount(container_path="/m", host_path="/h")],
        config=config,
        users=sandbox.linux.security_context.namespace_options.userns_options,
        memory_capacity=1 << 30,
    )
    assert made.linux.security_context.namespace_options.userns_options == users
    assert list(made.mounts[0].uidMappings) == list(users.uids)
    assert list(made.mounts[0].gidMappings) == list(users.gids)


def test_the_ids_must_be_enough_for_all_pods() -> None:
    assert find_range(KubeletConfiguration()) == (65536, (1 << 32) - 65536)
    with pytest.raises(ConfigError, match="are not enough for 110 pods"):
        find_range(KubeletConfiguration(ids_per_pod=1 << 30))
