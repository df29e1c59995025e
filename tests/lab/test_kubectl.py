"""kubectl as Debian ships it, command by command, against the cluster."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests.lab.conftest import Cluster, eventually
from tests.lab.workload import pod, service, web


@pytest.fixture
def deployed(cluster: Cluster, namespace: str) -> str:
    """A namespace with a ready Deployment `web` of two and its Service."""
    cluster.apply(web("web", 2), service("web"), namespace=namespace)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    return namespace


def test_get_in_its_output_forms(cluster: Cluster, deployed: str) -> None:
    table = cluster.kubectl("get", "pods", "-n", deployed)
    assert table.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert table.count("1/1") == 2
    wide = cluster.kubectl("get", "pods", "-n", deployed, "-o", "wide").splitlines()[0]
    assert wide.split()[5:8] == ["IP", "NODE", "NOMINATED"]
    assert "kind: Deployment" in cluster.kubectl("get", "deployment", "web", "-n", deployed, "-o", "yaml")
    assert (
        cluster.kubectl("get", "deploy", "web", "-n", deployed, "-o", "jsonpath={.status.readyReplicas}")
        == "2"
    )
    assert "deployment.apps/web" in cluster.kubectl("get", "all", "-n", deployed)


def test_describe_tells_spec_and_events(cluster: Cluster, deployed: str) -> None:
    name = cluster.running_pods(deployed)[0]["metadata"]["name"]

    def described() -> str:
        text = cluster.kubectl("describe", "pod", name, "-n", deployed)
        return text if "Started" in text else ""

    said = eventually("events", described, timeout=20)
    for text in ("Scheduled", "Pulled", "Controlled By:", "Node:", "Conditions:"):
        assert text in said
    assert "kubelet is posting ready status" in cluster.kubectl("describe", "node", "node1")


def test_logs_and_following_them(cluster: Cluster, namespace: str) -> None:
    cluster.apply(
        pod("talker", "for i in 1 2 3 4 5 6; do echo line $i; sleep 1; done; exec sleep 3600"),
        namespace=namespace,
    )
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/talker", "--timeout=60s")
    follower = subprocess.Popen(
        [cluster.kubectl_path, "--kubeconfig", cluster.kubeconfig, "logs", "-f", "-n", namespace, "talker"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert follower.stdout is not None
        assert [follower.stdout.readline().strip() for _ in range(6)] == [f"line {i}" for i in range(1, 7)]
    finally:
        follower.kill()
        follower.communicate()
    assert cluster.kubectl("logs", "-n", namespace, "talker", "--tail=1").strip() == "line 6"


def test_the_tail_of_a_busy_log_has_as_many_lines_as_asked_for(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod("busy", "while true; do echo a line; usleep 500; done"), namespace=namespace)
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/busy", "--timeout=60s")
    for _ in range(10):
        assert cluster.kubectl("logs", "-n", namespace, "busy", "--tail=1") == "a line\n"
        assert cluster.kubectl("logs", "-n", namespace, "busy", "--tail=7") == "a line\n" * 7
    cluster.kubectl("delete", "pod", "busy", "-n", namespace, "--grace-period=0", "--force")


def test_exec_runs_a_command_and_hands_on_its_exit_code(cluster: Cluster, deployed: str) -> None:
    assert cluster.kubectl("exec", "-n", deployed, "deploy/web", "--", "echo", "hello").strip() == "hello"
    failed = cluster.kubectl_run(
        "exec", "-n", deployed, "deploy/web", "--", "sh", "-c", "exit 7", check=False
    )
    assert failed.returncode == 7


def test_exec_takes_standard_input_to_its_end(cluster: Cluster, deployed: str) -> None:
    assert (
        cluster.kubectl(
            "exec", "-i", "-n", deployed, "deploy/web", "--", "wc", "-c", stdin="x" * 100_000
        ).strip()
        == "100000"
    )


def test_exec_with_a_terminal(cluster: Cluster, deployed: str) -> None:
    parent, child = pty.openpty()
    shell = subprocess.Popen(
        [cluster.kubectl_path, "--kubeconfig", cluster.kubeconfig, "exec", "-it", "-n", deployed, "deploy/web", "--", "sh"],
        stdin=child, stdout=child, stderr=child, start_new_session=True,
    )  # fmt: skip
    os.close(child)
    seen = b""
    try:
        os.write(parent, b"tty && echo sum=$((40+2))\n")
        deadline = time.monotonic() + 30
        while b"sum=42" not in seen and time.monotonic() < deadline:
            if select.select([parent], [], [], 1)[0]:
                seen += os.read(parent, 4096)
        assert b"sum=42" in seen
        assert b"/dev/pts/" in seen
        os.write(parent, b"exit\n")
        assert shell.wait(timeout=20) == 0
    finally:
        shell.kill()
        shell.wait()
        os.close(parent)


def test_apply_diff_and_patch(cluster: Cluster, deployed: str) -> None:
    changed = json.dumps(web("web", 3))
    diff = cluster.kubectl_run("diff", "-n", deployed, "-f", "-", stdin=changed, check=False)
    assert diff.returncode == 1
    assert "+  replicas: 3" in diff.stdout
    assert "configured" in cluster.kubectl("apply", "-n", deployed, "-f", "-", stdin=changed)
    assert cluster.kubectl_run("diff", "-n", deployed, "-f", "-", stdin=changed, check=False).returncode == 0
    assert "unchanged" in cluster.kubectl("apply", "-n", deployed, "-f", "-", stdin=changed)
    for kind, body in {
        "strategic": '{"metadata":{"labels":{"a":"1"}}}',
        "merge": '{"metadata":{"labels":{"b":"2"}}}',
        "json": '[{"op":"add","path":"/metadata/labels/c","value":"3"}]',
    }.items():
        cluster.kubectl("patch", "deployment", "web", "-n", deployed, f"--type={kind}", "-p", body)
    labels = cluster.get("deployment", "web", "-n", deployed)["metadata"]["labels"]
    assert labels == {"a": "1", "b": "2", "c": "3"}


def test_server_side_apply_owns_fields_and_conflicts(cluster: Cluster, namespace: str) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": {"k": "one"}}
    apply = ("apply", "--server-side", "-n", namespace, "-f", "-")
    cluster.kubectl(*apply, "--field-manager=first", stdin=json.dumps(document))
    document["data"] = {"k": "two"}
    refused = cluster.kubectl_run(*apply, "--field-manager=second", stdin=json.dumps(document), check=False)
    assert refused.returncode != 0
    assert 'conflict with "first"' in refused.stderr
    cluster.kubectl(*apply, "--field-manager=second", "--force-conflicts", stdin=json.dumps(document))
    assert cluster.get("configmap", "shared", "-n", namespace)["data"] == {"k": "two"}


def test_edit_saves_what_the_editor_changed(cluster: Cluster, deployed: str, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nexec sed -i 's/^  replicas: 2/  replicas: 1/' \"$1\"\n")
    editor.chmod(0o755)
    done = subprocess.run(
        [cluster.kubectl_path, "--kubeconfig", cluster.kubeconfig, "edit", "deployment", "web", "-n", deployed],
        env=os.environ | {"KUBE_EDITOR": str(editor)}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert cluster.get("deployment", "web", "-n", deployed)["spec"]["replicas"] == 1


def test_scale_and_delete(cluster: Cluster, deployed: str) -> None:
    cluster.kubectl("scale", "deployment/web", "-n", deployed, "--replicas=4")
    eventually("four pods", lambda: len(cluster.running_pods(deployed)) == 4, timeout=60)
    cluster.kubectl("delete", "deployment", "web", "-n", deployed)
    eventually("no pods", lambda: not cluster.get("pods", "-n", deployed)["items"], timeout=60)


def test_rollout_status_history_and_undo(cluster: Cluster, deployed: str) -> None:
    cluster.kubectl("set", "env", "deployment/web", "-n", deployed, "ROUND=2")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", deployed, "--timeout=60s")
    assert (
        cluster.kubectl("rollout", "history", "deployment/web", "-n", deployed)
        .splitlines()[2:4][1]
        .split()[0]
        == "2"
    )
    cluster.kubectl("rollout", "undo", "deployment/web", "-n", deployed)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", deployed, "--timeout=60s")
    container = cluster.get("deployment", "web", "-n", deployed)["spec"]["template"]["spec"]["containers"][0]
    assert "env" not in container


def test_wait_for_a_condition_and_for_deletion(cluster: Cluster, deployed: str) -> None:
    assert "condition met" in cluster.kubectl(
        "wait", "--for=condition=Available", "deployment/web", "-n", deployed, "--timeout=30s"
    )
    name = cluster.running_pods(deployed)[0]["metadata"]["name"]
    cluster.kubectl("delete", "pod", name, "-n", deployed, "--wait=false")
    cluster.kubectl("wait", "--for=delete", f"pod/{name}", "-n", deployed, "--timeout=60s")


def test_explain_api_resources_and_versions(cluster: Cluster) -> None:
    said = cluster.kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert "maxSurge" in said
    assert "VERSION:    v1" in said
    resources = cluster.kubectl("api-resources")
    for words in (
        ["pods", "po", "v1", "true", "Pod"],
        ["deployments", "deploy", "apps/v1", "true", "Deployment"],
    ):
        assert any(line.split() == words for line in resources.splitlines()), words
    assert "apps/v1" in cluster.kubectl("api-versions").split()
    assert json.loads(cluster.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"].startswith(
        "v1.36"
    )


def test_auth_can_i(cluster: Cluster, namespace: str) -> None:
    assert cluster.kubectl("auth", "can-i", "delete", "nodes").strip() == "yes"
    account = f"--as=system:serviceaccount:{namespace}:default"
    refused = cluster.kubectl_run("auth", "can-i", "list", "secrets", "-n", namespace, account, check=False)
    assert refused.stdout.strip() == "no"
    cluster.kubectl("create", "role", "reader", "-n", namespace, "--verb=list", "--resource=secrets")
    cluster.kubectl(
        "create",
        "rolebinding",
        "reader",
        "-n",
        namespace,
        "--role=reader",
        f"--serviceaccount={namespace}:default",
    )
    eventually(
        "the binding's effect",
        lambda: (
            cluster.kubectl_run(
                "auth", "can-i", "list", "secrets", "-n", namespace, account, check=False
            ).returncode
            == 0
        ),
        timeout=30,
    )


def test_a_wrong_object_is_refused_in_upstreams_words(cluster: Cluster, namespace: str) -> None:
    wrong = web("Not_A_Name", 1)
    refused = cluster.kubectl_run("create", "-n", namespace, "-f", "-", stdin=json.dumps(wrong), check=False)
    assert refused.returncode == 1
    assert 'The Deployment "Not_A_Name" is invalid' in refused.stderr
    assert "a lowercase RFC 1123 subdomain must consist of" in refused.stderr
