"""Hashes and annotations of containers are upstream's, so that kubelets can be exchanged."""

from pathlib import Path

import pytest

from kprov.kube.api.core import Container, EnvVar
from kprov.kube.cri import runtime_pb2 as pb
from kprov.kube.kubelet.config.configuration import KubeletConfiguration
from kprov.kube.kubelet.pods.container_hash import hash_container
from kprov.kube.kubelet.runtime import cgroups, container_config
from kprov.kube.kubelet.runtime.pod_actions import compute_pod_actions
from tests.unit.kube.kubelet.kubelet_builders import container, pod, running, state


# Values that HashContainer of Kubernetes 1.36 gave; the first is that of its own test.
@pytest.mark.parametrize(
    ("name", "image", "value"),
    [
        ("test_container", "foo/image:v1", "8e45cbd0"),
        ("c", "busybox:1.36", "142437a3"),
        ("c", "", "27e233a"),
        ("", "busybox", "d834ddea"),
        ("app", "registry.k8s.io/pause:3.10", "ed432b69"),
        ("app", "registry.k8s.io/pause:3.9", "62261b0a"),
        ("app2", "registry.k8s.io/pause:3.9", "a9bad3bb"),
        ("coredns", "registry.example:5000/coredns/coredns:v1.11.1", "63430ca"),
        ("web", "nginx@sha256:0a399eb16751829e1af26fea27b20c3ec28d7ab1fb72182879dcae1cca21206a", "65f92696"),
        ("a", "a", "84bf8992"),
        ("html", "a<b>&c", "93f75cdb"),
        ("quote", 'a"b\\c', "59fafbf0"),
        ("unicode", "gr\xf6\xdfe\u2028x\u2029", "f9eb1015"),
        ("control", "tab\tnew\nline\r\x01\x08\x0c", "741d8c8a"),
        ("emoji", "\U0001f642", "fb78fe3c"),
        ("delete", "a\x7fb", "14d0034b"),
        (
            "long",
            "registry.example.org/some/rather/long/path/to/an/image/which/has/many/parts:2026.11.22-build.4711",
            "785135fa",
        ),
        ("hook", "busybox", "37a0c4f7"),
    ],
)
def test_hash_is_upstreams(name: str, image: str, value: str) -> None:
    assert hash_container(Container(name=name, image=image)) == value


def test_hash_covers_name_and_image_only() -> None:
    # As upstream: both containers hash to this value there.
    assert hash_container(Container(name="a", image="a")) == "84bf8992"
    assert hash_container(Container(name="a", image="a", env=[EnvVar(name="X", value="1")])) == "84bf8992"


def test_a_container_that_upstreams_kubelet_started_is_not_restarted() -> None:
    todo = compute_pod_actions(
        pod(), state(running(hash="142437a3")), liveness=lambda _: None, startup=lambda _: None
    )
    assert not todo.kill_pod
    assert not todo.to_kill
    assert not todo.to_start


def generate(definition: Container, restart_count: int = 0) -> pb.ContainerConfig:
    return container_config.generate_container_config(
        pod(definition, terminationGracePeriodSeconds=30),
        definition,
        restart_count=restart_count,
        env={},
        image=pb.Image(id="sha256:1"),
        mounts=[],
        config=KubeletConfiguration(),
        users=pb.UserNamespace(mode=pb.NODE),
        memory_capacity=1 << 30,
    )


def test_labels_and_annotations_are_those_that_upstream_reads() -> None:
    hook = {"httpGet": {"path": "/stop", "port": 8080, "host": "h", "scheme": "HTTP"}}
    ports = [{"name": "http", "hostPort": 80, "containerPort": 8080, "protocol": "TCP"}]
    definition = container(
        lifecycle={"preStop": hook},
        ports=ports,
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    made = generate(definition, restart_count=2)
    assert dict(made.labels) == {
        "io.kubernetes.pod.name": "p",
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.uid": "u1",
        "io.kubernetes.container.name": "c",
    }
    assert dict(made.annotations) == {
        "io.kubernetes.container.hash": "142437a3",
        "io.kubernetes.container.restartCount": "2",
        "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
        "io.kubernetes.container.terminationMessagePolicy": "File",
        "io.kubernetes.pod.terminationGracePeriod": "30",
        "io.kubernetes.container.preStopHandler": (
            '{"httpGet":{"path":"/stop","port":8080,"host":"h","scheme":"HTTP"}}'
        ),
        "io.kubernetes.container.ports": (
            '[{"name":"http","hostPort":80,"containerPort":8080,"protocol":"TCP"}]'
        ),
    }


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of /sys/fs/cgroup; this process is in /system.slice/kubelet.service."""
    own = tmp_path / "own"
    own.write_text("0::/system.slice/kubelet.service\n")
    monkeypatch.setattr(cgroups, "_OWN", own)
    monkeypatch.setattr(cgroups, "FS", tmp_path / "fs")
    (tmp_path / "fs").mkdir()
    return tmp_path / "fs"


def test_a_container_may_not_use_the_hosts_swap(hierarchy: Path) -> None:
    (hierarchy / "cgroup.controllers").touch()
    (hierarchy / "system.slice/kubelet.service").mkdir(parents=True)
    (hierarchy / "system.slice/kubelet.service/memory.swap.max").touch()
    assert dict(generate(container()).linux.resources.unified) == {"memory.swap.max": "0"}


def test_with_version_1_of_cgroups_the_limit_of_memory_is_that_of_memory_and_swap(hierarchy: Path) -> None:
    (hierarchy / "memory").mkdir()
    (hierarchy / "memory/memory.memsw.limit_in_bytes").touch()
    limits = generate(container(resources={"limits": {"memory": "64Mi"}})).linux.resources
    assert limits.memory_swap_limit_in_bytes == limits.memory_limit_in_bytes == 64 << 20
    assert not limits.unified


@pytest.mark.parametrize("files", [(), ("cgroup.controllers",)])
def test_a_kernel_without_limits_of_swap_gets_none(hierarchy: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (hierarchy / name).touch()
    limits = generate(container(resources={"limits": {"memory": "64Mi"}})).linux.resources
    assert not limits.memory_swap_limit_in_bytes
    assert not limits.unified
