"""`kprov up` on a machine with its own kernel: what it sets up outlives a reboot and a power cut; reset removes it.

The tests run in their order, on one machine.
"""

from __future__ import annotations

import time

import pytest
import yaml

from tests.lab.conftest import eventually
from tests.machine.conftest import NAME, Cluster
from tests.machine.host_state import find_additions, read_host_state
from tests.machine.writer import Writer, read_names
from tests.qemu.virtual_machine import VirtualMachine

WAIT = "900"
WRITERS = 4
#: Writes before the power is cut.
WRITES = 200
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      dnsPolicy: Default
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: kprov.io/probe:1
        command: [sh, -c, "mkdir /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 2, timeoutSeconds: 10}
        resources: {requests: {memory: 16Mi}, limits: {memory: 64Mi}}
"""
_RUNNING = "get pods -l app=web --field-selector=status.phase=Running"


def _check_web(cluster: Cluster) -> None:
    """Wait for the deployment, and read its page from the host."""
    cluster.kubectl("rollout status deployment/web --timeout=800s")

    def read_page() -> bool:
        pods = cluster.kubectl(
            f"{_RUNNING} -o jsonpath='{{range .items[*]}}{{.metadata.name}} {{.status.podIP}}{{end}}'"
        )
        name, address = pods.split()
        script = f"import urllib.request as u; print(u.urlopen('http://{address}:8080', timeout=60).read().decode())"
        return cluster.machine.run(f'python3 -c "{script}"').strip() == name

    eventually("a page from the pod", read_page, timeout=300, every=5)


def _check_kernel(machine: VirtualMachine) -> None:
    """Check the modules and parameters that pods need."""
    modules = machine.run("lsmod | awk '{print $1}'").split()
    assert {"overlay", "br_netfilter", "nf_conntrack"} <= set(modules)
    values = machine.run(
        "sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.ipv4.conf.all.rp_filter"
    )
    assert values.split() == ["1", "1", "0"]


def test_the_machine_is_what_nspawn_hosts_are_not(machine: VirtualMachine) -> None:
    machine.run("test -e /sys/fs/cgroup/cgroup.controllers")
    assert (
        machine.run("systemctl is-active systemd-networkd systemd-resolved systemd-udevd").split()
        == ["active"] * 3
    )
    assert "127.0.0.53" in machine.run("cat /etc/resolv.conf")
    assert "/swapfile" in machine.run("cat /proc/swaps")


def test_up_makes_a_cluster_that_verify_accepts(cluster: Cluster) -> None:
    assert " 0 failed" in cluster.kprov("verify", "--wait", WAIT)


def test_kubelet_and_containerd_use_systemds_cgroup_driver(cluster: Cluster) -> None:
    configuration = yaml.safe_load(cluster.machine.run("cat /var/lib/kubelet/config.yaml"))
    assert configuration["cgroupDriver"] == "systemd"
    assert configuration["resolvConf"] == "/run/systemd/resolve/resolv.conf"
    assert "SystemdCgroup = true" in cluster.machine.run("cat /etc/containerd/config.toml")


def test_modules_and_kernel_parameters_are_set_now_and_at_boot(cluster: Cluster) -> None:
    _check_kernel(cluster.machine)
    assert cluster.machine.run("cat /etc/modules-load.d/kprov.conf").split() == [
        "overlay",
        "br_netfilter",
        "nf_conntrack",
    ]
    assert "ip_forward" in cluster.machine.run("cat /etc/sysctl.d/99-kprov.conf")


def test_a_pod_answers_from_systemds_slice_without_swap_and_without_the_stub_resolver(
    cluster: Cluster,
) -> None:
    cluster.kubectl("apply -f -", WEB)
    _check_web(cluster)
    pod = cluster.kubectl(f"{_RUNNING} -o name").strip()
    servers = cluster.kubectl(f"exec {pod} -- cat /etc/resolv.conf")
    assert "nameserver" in servers
    assert "127.0.0.53" not in servers
    group = cluster.machine.run("cat /proc/$(pgrep -f 'httpd -f -p 8080')/cgroup").strip().removeprefix("0::")
    assert group.startswith("/kubepods.slice/kubepods-burstable.slice/")
    assert group.endswith(".scope")
    limits = cluster.machine.run(f"cd /sys/fs/cgroup{group}; cat memory.max memory.swap.max").split()
    assert limits == [str(64 << 20), "0"]


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    assert "Nothing changed" in cluster.kprov("up")


def test_the_cluster_returns_after_a_reboot(cluster: Cluster) -> None:
    before = cluster.machine.run("cat /proc/sys/kernel/random/boot_id")
    output = cluster.kprov("run", "all", "-m", "reboot", "-a", "reboot_timeout=1800 msg='a test'")
    assert "rebooted" in output
    assert cluster.machine.run("cat /proc/sys/kernel/random/boot_id") != before
    assert " 0 failed" in cluster.kprov("verify", "--wait", WAIT)
    _check_kernel(cluster.machine)
    _check_web(cluster)


def test_a_power_cut_under_load_loses_no_acknowledged_write(cluster: Cluster) -> None:
    machine = cluster.machine
    writers = [Writer(f"writer{index}", machine.api_port, cluster.kubeconfig) for index in range(WRITERS)]
    for writer in writers:
        writer.start()

    def have_written() -> bool:
        ended = [writer.end_reason for writer in writers if writer.end_reason]
        if ended:
            pytest.fail(f"a writer ended before the power was cut: {ended}")
        return sum(len(writer.acknowledged) for writer in writers) >= WRITES

    eventually("writes before the power cut", have_written, timeout=900, every=0.1)
    machine.cut_power()
    for writer in writers:
        writer.join(timeout=300)
    acknowledged = {name for writer in writers for name in writer.acknowledged}

    began = time.monotonic()
    machine.start()
    found = eventually(
        "the API server", lambda: read_names(machine.api_port, cluster.kubeconfig), timeout=900, every=2
    )
    print(
        f"power cut after {len(acknowledged)} writes; the API answered {time.monotonic() - began:.0f} s after power-on"
    )
    assert acknowledged - found == set()
    # Each writer had at most one write without an answer.
    assert len(found - acknowledged) <= WRITERS
    assert " 0 failed" in cluster.kprov("verify", "--wait", WAIT)
    assert "EXT4-fs error" not in machine.run("journalctl --dmesg --boot")
    _check_web(cluster)
    assert "Nothing changed" in cluster.kprov("up")


def test_reset_leaves_nothing(cluster: Cluster) -> None:
    cluster.kprov("reset", "--yes")
    after = read_host_state(cluster.machine)
    assert find_additions(cluster.before, after) == {}
    assert after["swap"] == cluster.before["swap"]
    assert NAME not in cluster.machine.run("cat /etc/hosts")
