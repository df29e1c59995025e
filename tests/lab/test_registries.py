"""Registries on this machine that hosts reach as mirrors: with a password over TLS, without TLS, through a proxy.

Two of Debian's docker-registry and a tinyproxy run here, on the gateway's address of a lab of one host.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kprov.debian.programs import ensure_programs
from kprov.lab.kubectl import ensure_kubectl
from kprov.pki import issue
from tests.lab.app_image import APP, make_app
from tests.lab.conftest import KPROV, LAB, eventually, run
from tests.lab.networks import find_subnet

NAME = f"{LAB}-registries"
SUBNET = find_subnet("registries")
GATEWAY = str(ipaddress.ip_network(SUBNET)[1])
SECURE, PLAIN, PROXY = 5443, 5080, 5088
USER, PASSWORD = "puller", "s3cret-pässword"
PROGRAMS = {
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "htpasswd": "apache2-utils",
    "tinyproxy": "tinyproxy",
}


@dataclass(frozen=True)
class Setup:
    inventory: Path
    proxy_log: Path

    def up(self, *options: str) -> str:
        return run(KPROV, "up", "-i", self.inventory, *options, timeout=900).stdout

    def ssh(self, command: str) -> str:
        return run(KPROV, "lab", "ssh", "--name", NAME, "node1", "--", "sudo", command).stdout

    def kubectl(self, *arguments: str) -> str:
        kubeconfig = self.inventory / "artifacts/admin.conf"
        return run(ensure_kubectl(), "--kubeconfig", kubeconfig, *arguments).stdout

    def set_variables(self, **variables: Any) -> None:
        path = self.inventory / "hosts.yml"
        document = yaml.safe_load(path.read_text())
        document["all"]["vars"] |= variables
        path.write_text(yaml.safe_dump(document, allow_unicode=True))

    def wait_for_pod(self, name: str, image: str, *, reason: str = "") -> None:
        """Run a pod until its image is pulled; with a reason, until the pull fails for it."""
        self.kubectl("run", name, f"--image={image}", "--image-pull-policy=Always", "--restart=Never")
        try:
            eventually(f"the state of the pod {name}", lambda: self._is_settled(name, reason), timeout=90)
        finally:
            self.kubectl("delete", "pod", name, "--grace-period=0", "--force", "--wait=true")

    def _is_settled(self, name: str, reason: str) -> bool:
        status = json.loads(self.kubectl("get", "pod", name, "-o", "json"))["status"]
        if not reason:
            return bool(status["phase"] == "Running")
        waiting = [each["state"].get("waiting", {}) for each in status.get("containerStatuses", ())]
        return any(reason in str(each.get("message", "")) for each in waiting)


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output)
    try:
        time.sleep(0.5)
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(20)


def write_registry(folder: Path, name: str, port: int, **more: Any) -> Path:
    """The configuration of a registry; `more` of its sections http and auth."""
    http = {"addr": f"{GATEWAY}:{port}"} | more.get("http", {})
    document = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / name)}},
        "http": http,
    }
    if "auth" in more:
        document["auth"] = more["auth"]
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def write_secure_registry(folder: Path) -> Path:
    key = issue.new_key()
    certificate = folder / "registry.crt"
    authority = issue.new_authority("registry", key, dt.datetime.now(dt.UTC))
    certificate.write_bytes(issue.certificate_pem(authority))
    (folder / "registry.key").write_bytes(issue.key_pem(key))
    users = folder / "htpasswd"
    users.write_text(run("htpasswd", "-Bbn", USER, PASSWORD).stdout)
    tls = {"certificate": str(certificate), "key": str(folder / "registry.key")}
    auth = {"htpasswd": {"realm": "test", "path": str(users)}}
    return write_registry(folder, "secure", SECURE, http={"tls": tls}, auth=auth)


def write_proxy(folder: Path) -> tuple[Path, Path]:
    log = folder / "proxy.log"
    path = folder / "tinyproxy.conf"
    path.write_text(
        f'Port {PROXY}\nListen {GATEWAY}\nTimeout 60\nMaxClients 50\nLogFile "{log}"\nLogLevel Connect\n'
    )
    return path, log


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("registries")
    ensure_programs(PROGRAMS, lambda _: None)
    run(KPROV, "lab", "down", "--name", NAME, check=False)
    inventory = folder / "inventory"
    options = ("--hosts", "1", "--inventory", inventory)
    run(KPROV, "lab", "up", "--name", NAME, "--subnet", SUBNET, *options, timeout=900)
    with ExitStack() as stack:
        stack.callback(run, KPROV, "lab", "down", "--name", NAME)
        proxy, proxy_log = write_proxy(folder)
        for config in (write_secure_registry(folder), write_registry(folder, "plain", PLAIN)):
            serve = ("docker-registry", "serve", config)
            stack.enter_context(running(serve, config.with_suffix(".log")))
        stack.enter_context(running(("tinyproxy", "-d", "-c", proxy), folder / "tinyproxy.log"))
        image = folder / "app.tar"
        image.write_bytes(make_app())
        source = ("--dest-tls-verify=false", f"docker-archive:{image}:{APP}")
        run("skopeo", "copy", *source, f"docker://{GATEWAY}:{PLAIN}/team/app:1")
        run(
            "skopeo",
            "copy",
            f"--dest-creds={USER}:{PASSWORD}",
            *source,
            f"docker://{GATEWAY}:{SECURE}/team/app:1",
        )
        yield Setup(inventory, proxy_log)


MIRRORS = [
    {"prefix": "plain.example.com", "mirrors": [{"host": f"http://{GATEWAY}:{PLAIN}"}]},
    {
        "prefix": "secure.example.com",
        "mirrors": [{"host": f"https://{GATEWAY}:{SECURE}", "skip_verify": True}],
    },
]


def test_a_mirror_without_tls_serves_images_of_another_name(setup: Setup) -> None:
    setup.set_variables(containerd_registries_mirrors=MIRRORS)
    setup.up()
    setup.wait_for_pod("plain", "plain.example.com/team/app:1")


def test_a_registry_with_a_password_refuses_a_pull_without_it(setup: Setup) -> None:
    setup.wait_for_pod("refused", "secure.example.com/team/app:1", reason="no basic auth credentials")


def test_the_password_of_the_inventory_is_used_and_not_shown(setup: Setup) -> None:
    auth = [{"registry": f"{GATEWAY}:{SECURE}", "username": USER, "password": PASSWORD}]
    setup.set_variables(containerd_registry_auth=auth)
    assert PASSWORD not in setup.up("--diff")
    setup.wait_for_pod("secure", "secure.example.com/team/app:1")
    assert setup.ssh("stat -c %a /etc/containerd/config.toml").strip() == "600"


def test_containerd_and_apt_use_the_proxy_except_for_the_cluster(setup: Setup) -> None:
    proxy = f"http://{GATEWAY}:{PROXY}"
    setup.set_variables(http_proxy=proxy, https_proxy=proxy)
    setup.up()
    before = setup.proxy_log.read_text()
    assert f":{PLAIN}" not in before
    setup.wait_for_pod("proxied", "plain.example.com/team/app:1")
    assert f"{GATEWAY}:{PLAIN}" in setup.proxy_log.read_text().removeprefix(before)
    assert "Proxy" in setup.ssh("apt-config dump Acquire::http::Proxy")
    drop_in = setup.ssh("systemctl show --property=Environment containerd")
    assert "10.233.0.0/18" in drop_in
    assert ".svc" in drop_in


def test_a_second_run_changes_nothing(setup: Setup) -> None:
    assert "Nothing changed: the hosts match the inventory" in setup.up()


def test_without_the_variables_everything_is_removed(setup: Setup) -> None:
    setup.set_variables(
        containerd_registries_mirrors=[], containerd_registry_auth=[], http_proxy="", https_proxy=""
    )
    setup.up()
    assert setup.ssh("ls /etc/containerd/certs.d").strip() == ""
    assert setup.ssh("ls /etc/systemd/system/containerd.service.d 2>/dev/null || true").strip() == ""
    assert "Proxy" not in setup.ssh("apt-config dump Acquire::http::Proxy")
    assert PASSWORD not in setup.ssh("cat /etc/containerd/config.toml")
