"""A real workload: spread, services, names, configuration, probes, restarts."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections import Counter
from functools import partial
from typing import Any

from tests.lab.conftest import HOSTS, Cluster, eventually
from tests.lab.workload import IMAGE, pod, service, web


def test_six_replicas_spread_over_the_hosts_and_their_service_answers(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(web("web", 6), service("web", kind="NodePort"), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    pods = cluster.running_pods(namespace, "app=web")
    assert Counter(p["spec"]["nodeName"] for p in pods) == dict.fromkeys(HOSTS, 2)

    spec = cluster.get("service", "web", "-n", namespace)["spec"]
    names = {p["metadata"]["name"] for p in pods}
    fetch = "wget -q -T 10 -O - http://{}/"
    for host in HOSTS:
        ask = f"python3 -c \"import urllib.request as u; print(u.urlopen('http://{spec['clusterIP']}', timeout=5).read().decode())\""
        # Each host's kube-proxy learns of the service's pods a moment after they are available.
        by_ip = eventually(
            f"an answer on {host}", partial(cluster.lab.ssh, host, ask, check=False), timeout=30
        )
        assert by_ip.strip() in names, host
        client = f"client-{host}"
        cluster.apply(pod(client, "exec sleep 3600", nodeName=host), namespace=namespace)
        cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", f"pod/{client}", "--timeout=60s")
        for name in ("web", f"web.{namespace}", f"web.{namespace}.svc.cluster.local"):
            said = cluster.kubectl("exec", "-n", namespace, client, "--", "sh", "-c", fetch.format(name))
            assert said.strip() in names, (host, name)
        port = spec["ports"][0]["nodePort"]
        with urllib.request.urlopen(f"http://{cluster.lab.address(host)}:{port}/", timeout=5) as answer:
            assert answer.read().decode().strip() in names


def test_the_service_spreads_over_all_its_endpoints(cluster: Cluster, namespace: str) -> None:
    cluster.apply(web("web", 3), service("web", kind="NodePort"), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    port = cluster.get("service", "web", "-n", namespace)["spec"]["ports"][0]["nodePort"]

    def ask() -> str:
        with urllib.request.urlopen(f"http://{cluster.lab.address('node1')}:{port}/", timeout=5) as answer:
            said: str = answer.read().decode().strip()
            return said

    # A rollout is complete when the pods are available; each host's kube-proxy learns of it a moment later.
    pods = {p["metadata"]["name"] for p in cluster.running_pods(namespace, "app=web")}
    assert len(pods) == 3
    eventually("all endpoints answer", lambda: {ask() for _ in range(30)} == pods, timeout=60)
    said = Counter(ask() for _ in range(90))
    assert said.keys() == pods
    assert min(said.values()) >= 10, said


def test_config_maps_and_secrets_arrive_as_environment_and_files(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "settings", "-n", namespace, "--from-literal=colour=blue")
    cluster.kubectl("create", "secret", "generic", "token", "-n", namespace, "--from-literal=word=sesame")
    container = {
        "env": [
            {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "token", "key": "word"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "volumeMounts": [
            {"name": "settings", "mountPath": "/settings"},
            {"name": "token", "mountPath": "/token"},
        ],
    }
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "token", "secret": {"secretName": "token"}},
    ]
    command = "echo $COLOUR $WORD $NODE; cat /settings/colour; echo; cat /token/word; echo; exec sleep 3600"
    cluster.apply(pod("reader", command, container=container, volumes=volumes), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/reader", "--timeout=60s")
    node = cluster.get("pod", "reader", "-n", namespace)["spec"]["nodeName"]
    lines = eventually(
        "the log", lambda: cluster.kubectl("logs", "-n", namespace, "reader").splitlines(), timeout=30
    )
    assert lines == [f"blue sesame {node}", "blue", "sesame"]
    cluster.kubectl("patch", "configmap", "settings", "-n", namespace, "-p", '{"data":{"colour":"green"}}')
    eventually(
        "the changed file",
        lambda: (
            cluster.kubectl("exec", "-n", namespace, "reader", "--", "cat", "/settings/colour") == "green"
        ),
        timeout=120,
    )


def test_a_kubelet_stops_watching_what_ended_pods_used(cluster: Cluster, namespace: str) -> None:
    """Each config map of a pod is a watch, and each watch a connection of the kubelet's."""

    def connections() -> int:
        look = "ss -Htnp state established | grep -c ':8443 .*kubelet' || true"
        return int(cluster.lab.ssh("node1", look))

    names = [f"settings-{number}" for number in range(10)]
    maps = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": n}, "data": {}} for n in names]
    volumes = [{"name": name, "configMap": {"name": name}} for name in names]
    half = connections() + len(names) // 2
    cluster.apply(
        *maps, pod("user", "exec sleep 3600", nodeName="node1", volumes=volumes), namespace=namespace
    )
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/user", "--timeout=60s")
    # A pod need not wait for its watches, and a few of another test's pod may just be ending.
    eventually("the watches", lambda: connections() >= half, timeout=30)
    cluster.kubectl("delete", "pod", "user", "-n", namespace, "--grace-period=1", "--timeout=60s")
    eventually("the watches' end", lambda: connections() < half, timeout=60)


def test_init_containers_run_before_and_containers_share_a_volume(cluster: Cluster, namespace: str) -> None:
    mount = [{"name": "shared", "mountPath": "/shared"}]
    spec = {
        "initContainers": [
            {
                "name": "first",
                "image": IMAGE,
                "command": ["sh", "-c", "echo first > /shared/log"],
                "volumeMounts": mount,
            },
            {
                "name": "second",
                "image": IMAGE,
                "command": ["sh", "-c", "echo second >> /shared/log"],
                "volumeMounts": mount,
            },
        ],
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "container": {"volumeMounts": mount},
    }
    cluster.apply(pod("initialised", "cat /shared/log; exec sleep 3600", **spec), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/initialised", "--timeout=60s")
    said = eventually("the log", lambda: cluster.kubectl("logs", "-n", namespace, "initialised"), timeout=30)
    assert said.split() == ["first", "second"]


def test_a_pod_talks_to_the_api_with_its_projected_token(cluster: Cluster, namespace: str) -> None:
    command = (
        "D=/var/run/secrets/kubernetes.io/serviceaccount; test -s $D/token -a -s $D/ca.crt && cat $D/namespace; "
        "echo; exec sleep 3600"
    )
    cluster.apply(pod("client", command), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/client", "--timeout=60s")
    token = cluster.kubectl(
        "exec", "-n", namespace, "client", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"
    )
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    authority = cluster.lab.inventory / "artifacts" / "pki" / "ca.crt"
    from tests.lab.conftest import run

    who = run(
        cluster.kubectl_path, "--kubeconfig=/dev/null", f"--server={server}", f"--certificate-authority={authority}",
        f"--token={token}", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}",
    )  # fmt: skip
    assert who.stdout == f"system:serviceaccount:{namespace}:default"


def test_a_failing_liveness_probe_restarts_the_container(cluster: Cluster, namespace: str) -> None:
    probe = {
        "livenessProbe": {
            "exec": {"command": ["test", "-e", "/tmp/alive"]},
            "periodSeconds": 1,
            "failureThreshold": 2,
        }
    }
    cluster.apply(
        pod("mortal", "touch /tmp/alive; sleep 8; rm /tmp/alive; exec sleep 3600", container=probe),
        namespace=namespace,
    )

    def restarts() -> bool:
        status = cluster.get("pod", "mortal", "-n", namespace)["status"]
        return bool(status["containerStatuses"][0]["restartCount"])

    eventually("a restart", restarts, timeout=60)
    reasons = ("get", "events", "-n", namespace, "-o", "jsonpath={.items[*].reason}")
    eventually("the event", lambda: "Unhealthy" in cluster.kubectl(*reasons), timeout=30)


def test_a_pod_that_is_not_ready_gets_no_traffic(cluster: Cluster, namespace: str) -> None:
    deployment = web("web", 2)
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/busy"]}, "periodSeconds": 1, "failureThreshold": 1}
    deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    cluster.apply(deployment, service("web"), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    busy = cluster.running_pods(namespace)[0]["metadata"]["name"]
    cluster.kubectl("exec", "-n", namespace, busy, "--", "touch", "/tmp/busy")

    def ready_endpoints() -> list[str]:
        slices = cluster.get("endpointslices", "-n", namespace, "-l", "kubernetes.io/service-name=web")[
            "items"
        ]
        return [
            e["targetRef"]["name"] for s in slices for e in s["endpoints"] or [] if e["conditions"]["ready"]
        ]

    eventually(
        "one endpoint", lambda: len(ready_endpoints()) == 1 and busy not in ready_endpoints(), timeout=30
    )


def test_a_killed_container_is_restarted_and_a_deleted_pod_replaced(cluster: Cluster, namespace: str) -> None:
    cluster.apply(web("web", 1), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    before = cluster.running_pods(namespace)[0]
    name, node = before["metadata"]["name"], before["spec"]["nodeName"]
    container = before["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    cluster.lab.ssh(node, f"ctr -n k8s.io tasks kill --signal SIGKILL {container}")

    def restarted() -> bool:
        status = cluster.get("pod", name, "-n", namespace)["status"]["containerStatuses"][0]
        return status["restartCount"] == 1 and bool(status["ready"])

    eventually("the container's restart", restarted, timeout=60)
    cluster.kubectl("delete", "pod", name, "-n", namespace)
    after = eventually("a replacement", lambda: cluster.running_pods(namespace), timeout=60)
    assert after[0]["metadata"]["name"] != name


def test_host_path_volumes_show_the_hosts_files(cluster: Cluster, namespace: str) -> None:
    volume = {
        "container": {"volumeMounts": [{"name": "etc", "mountPath": "/host-etc", "readOnly": True}]},
        "volumes": [{"name": "etc", "hostPath": {"path": "/etc", "type": "Directory"}}],
        "nodeName": "node2",
    }
    cluster.apply(pod("looker", "cat /host-etc/hostname; exec sleep 3600", **volume), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/looker", "--timeout=60s")
    said = eventually("the log", lambda: cluster.kubectl("logs", "-n", namespace, "looker"), timeout=30)
    assert said.strip() == cluster.lab.ssh("node2", "cat /etc/hostname").strip()


def test_pods_reach_the_outside_under_their_nodes_address(cluster: Cluster, namespace: str) -> None:
    gateway = cluster.lab.address("node1").rsplit(".", 1)[0] + ".1"
    with socket.create_server((gateway, 0)) as server:
        server.settimeout(60)
        port = server.getsockname()[1]
        cluster.apply(
            pod("caller", f"exec nc {gateway} {port} < /dev/null", nodeName="node2"), namespace=namespace
        )
        connection, peer = server.accept()
        connection.close()
    assert peer[0] == cluster.lab.address("node2")


def test_names_outside_the_cluster_are_resolved_by_forwarding(cluster: Cluster, namespace: str) -> None:
    # A name that the hosts' own package sources are reached at: no other is sure to exist here.
    name = cluster.lab.ssh("node1", "grep -rhoE '://[^/ ]+' /etc/apt | head -1").strip().removeprefix("://")
    cluster.apply(pod("asker", "exec sleep 3600"), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/asker", "--timeout=60s")
    said = cluster.kubectl("exec", "-n", namespace, "asker", "--", "nslookup", name)
    assert "Address" in said.split(name, 1)[1]


def test_a_pod_runs_with_an_additional_runtime_of_the_inventory(cluster: Cluster, namespace: str) -> None:
    name = f"{namespace}-handler"
    kind = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(kind | {"handler": "test-handler"}))
    try:
        cluster.apply(pod("handled", "exec sleep 3600", runtimeClassName=name), namespace=namespace)
        cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/handled", "--timeout=60s")
    finally:
        cluster.kubectl("delete", "runtimeclass", name)


def test_a_pod_that_this_node_cannot_isolate_does_not_run(cluster: Cluster, namespace: str) -> None:
    """containerd 1.7 has no user namespaces for Kubernetes, and the kernel no namespace for this sysctl."""
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "users": ({"hostUsers": False}, "UserNamespacesNotSupported"),
        "sysctl": (
            {"securityContext": {"sysctls": [{"name": "kernel.panic", "value": "1"}]}},
            "SysctlForbidden",
        ),
    }
    for name, (spec, reason) in cases.items():
        cluster.apply(pod(name, "exec sleep 3600", **spec), namespace=namespace)
        cluster.kubectl(
            "wait", "-n", namespace, "--for=jsonpath={.status.phase}=Failed", f"pod/{name}", "--timeout=60s"
        )
        status = cluster.get("pod", name, "-n", namespace)["status"]
        assert status["reason"] == reason
        assert status["message"].startswith("Pod was rejected: ")
        events = cluster.get("events", "-n", namespace, f"--field-selector=involvedObject.name={name}")
        assert reason in {event["reason"] for event in events["items"]}
        assert "Started" not in {event["reason"] for event in events["items"]}


def test_containers_cannot_write_to_config_maps_and_a_resize_is_not_said_to_be_done(
    cluster: Cluster, namespace: str
) -> None:
    cluster.kubectl("create", "configmap", "settings", "-n", namespace, "--from-literal=colour=blue")
    small = {"cpu": "20m", "memory": "32Mi"}
    container = {
        "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
        "resources": {"requests": small, "limits": small},
    }
    volumes = [{"name": "settings", "configMap": {"name": "settings"}}]
    cluster.apply(pod("writer", "exec sleep 3600", container=container, volumes=volumes), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/writer", "--timeout=60s")
    said = cluster.kubectl(
        "exec", "-n", namespace, "writer", "--", "sh", "-c", "touch /settings/new 2>&1; stat -c %a /settings/"
    )
    assert "Read-only file system" in said
    assert said.endswith("755\n")
    large = {"cpu": "40m", "memory": "64Mi"}
    patch = {"spec": {"containers": [{"name": "main", "resources": {"requests": large, "limits": large}}]}}
    cluster.kubectl(
        "patch", "pod", "writer", "-n", namespace, "--subresource=resize", "-p", json.dumps(patch)
    )
    cluster.kubectl(
        "wait", "-n", namespace, "--for=condition=PodResizePending", "pod/writer", "--timeout=60s"
    )
    status = cluster.get("pod", "writer", "-n", namespace)["status"]
    assert status["containerStatuses"][0]["resources"] == {"requests": small, "limits": small}
    assert status["containerStatuses"][0]["allocatedResources"] == small
