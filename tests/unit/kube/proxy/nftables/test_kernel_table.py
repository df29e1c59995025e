"""The table in a real kernel: a new kube-proxy takes over what it finds and loses no client."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kprov.kube.component_helpers import process
from kprov.kube.proxy import kernel, proxier
from kprov.kube.proxy.nftables import base_table
from kprov.kube.proxy.proxier import Proxier
from tests.unit.kube.proxy.nftables.test_service_rules import SETTINGS, endpoint, service, slice_of, state_of

NODE = "10.70.0.11"
TABLE = ("ip", "kube-proxy")


class Namespace:
    """A network namespace with a kernel table of its own. `scripts`: transactions that kube-proxy wrote."""

    def __init__(self, pid: int) -> None:
        self._enter = ("nsenter", "-t", str(pid), "--user", "--net", "--preserve-credentials")
        self.scripts: list[str] = []

    async def run(self, *command: str, stdin: str = "", timeout: float = 15.0) -> str:
        if stdin:
            self.scripts.append(stdin)
        return await process.run(*self._enter, *command, stdin=stdin, timeout=timeout)

    def nft(self, script: str) -> None:
        subprocess.run([*self._enter, "nft", "-f", "-"], input=script, text=True, check=True)

    def listed(self, *what: str) -> Any:
        command = [*self._enter, "nft", "--json", "list", *what]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[
            "nftables"
        ]

    def names(self, kind: str) -> set[str]:
        return {item[kind]["name"] for item in self.listed("table", *TABLE) if kind in item}

    def clients(self, affinity: str) -> list[str]:
        entry = self.listed("set", *TABLE, affinity)[1]["set"]
        return [element["elem"]["val"] for element in entry.get("elem", [])]

    def rules(self) -> list[tuple[str, str]]:
        """(chain, expressions) of all rules, sorted by chain: handles differ after each writing."""
        found = [item["rule"] for item in self.listed("table", *TABLE) if "rule" in item]
        return sorted((rule["chain"], json.dumps(rule["expr"])) for rule in found)


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    if not all(map(shutil.which, ("nft", "nsenter", "unshare"))):
        pytest.skip("needs nft and util-linux")
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", "echo ready; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != "ready\n":
                pytest.skip("the kernel gives no namespaces to this user")
            made = Namespace(holder.pid)
            monkeypatch.setattr(kernel, "run", made.run)
            yield made
        finally:
            holder.kill()


def sticky(**more: Any) -> Any:
    spec = {"type": "NodePort", "nodePort": 30080, "sessionAffinity": "ClientIP"}
    return service(**{**spec, "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 3600}}, **more})


#: Starts a kube-proxy for a service and its endpoints; awaits its first writing.
Starter = Callable[..., Any]


@pytest.fixture
def start() -> Starter:
    async def run(subject: Any, *ips: str) -> Proxier:
        state = state_of(subject, slice_of(*(endpoint(ip) for ip in ips)))
        made = Proxier(state, node_port_addresses=[], sync_period=30, min_sync_period=0)
        made.mark_changed("shop/web")
        made.set_node((NODE,), "")
        await made.sync()
        return made

    return run


def add_client(namespace: Namespace) -> str:
    """A client of the first endpoint, as a packet would leave it; the name of its set."""
    (affinity,) = (name for name in namespace.names("set") if name.endswith("__10.1.0.1/8080"))
    namespace.nft(f"add element ip kube-proxy {affinity} {{ 192.0.2.7 }}\n")
    return affinity


async def test_clients_survive_a_restart(namespace: Namespace, start: Starter) -> None:
    await start(sticky(), "10.1.0.1", "10.1.0.2")
    affinity, rules = add_client(namespace), namespace.rules()
    await start(sticky(), "10.1.0.1", "10.1.0.2")
    assert namespace.clients(affinity) == ["192.0.2.7"]
    assert namespace.rules() == rules
    assert "element" not in namespace.scripts[-1]
    assert "delete" not in namespace.scripts[-1]


async def test_clients_survive_the_periodic_comparison(
    namespace: Namespace, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await start(sticky(), "10.1.0.1", "10.1.0.2")
    affinity, rules = add_client(namespace), namespace.rules()
    namespace.nft(f"flush set ip kube-proxy {base_table.CLUSTER_IPS}\nflush chain ip kube-proxy services\n")
    monkeypatch.setattr(proxier, "_FULL_EVERY", -1.0)
    await running.check_kernel_table()
    await running.sync()
    assert namespace.clients(affinity) == ["192.0.2.7"]
    assert namespace.rules() == rules
    assert namespace.listed("set", *TABLE, base_table.CLUSTER_IPS)[1]["set"]["elem"] == ["10.233.0.10"]


async def test_what_went_meanwhile_is_removed_and_what_came_is_added(
    namespace: Namespace, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(sticky(), "10.1.0.1", "10.1.0.2")
    affinity = add_client(namespace)
    monkeypatch.setattr(proxier, "_STALE_AFTER", 0.0)
    running = await start(sticky(nodePort=30090), "10.1.0.1", "10.1.0.3")
    await running.sync()
    assert namespace.clients(affinity) == ["192.0.2.7"]
    assert not {name for name in namespace.names("set") | namespace.names("chain") if "10.1.0.2" in name}
    (ports,) = namespace.listed("map", *TABLE, base_table.SERVICE_NODEPORTS)[1]["map"]["elem"]
    assert ports[0] == {"concat": ["tcp", 30090]}


async def test_what_others_put_into_the_table_is_removed(
    namespace: Namespace, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(sticky(), "10.1.0.1")
    clean = [namespace.names(kind) for kind in ("set", "map", "chain")], namespace.rules()
    namespace.nft("""
add set ip kube-proxy alien { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
add map ip kube-proxy alien-map { type ipv4_addr : verdict; }
add chain ip kube-proxy alien-chain
add rule ip kube-proxy alien-chain ip saddr @alien drop
add element ip kube-proxy alien-map { 192.0.2.1 : goto alien-chain }
add rule ip kube-proxy services ip saddr vmap @alien-map
add element ip kube-proxy cluster-ips { 192.0.2.2 }
add element ip kube-proxy service-ips { 192.0.2.2 . udp . 53 : goto alien-chain, 192.0.2.3 . tcp . 53 : drop }
""")
    monkeypatch.setattr(proxier, "_STALE_AFTER", 0.0)
    running = await start(sticky(), "10.1.0.1")
    await running.sync()
    assert ([namespace.names(kind) for kind in ("set", "map", "chain")], namespace.rules()) == clean
    assert namespace.listed("set", *TABLE, base_table.CLUSTER_IPS)[1]["set"]["elem"] == ["10.233.0.10"]
    assert len(namespace.listed("map", *TABLE, base_table.SERVICE_IPS)[1]["map"]["elem"]) == 1


async def test_another_timeout_makes_the_set_anew(namespace: Namespace, start: Starter) -> None:
    await start(sticky(), "10.1.0.1")
    affinity = add_client(namespace)
    await start(sticky(sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}}), "10.1.0.1")
    assert namespace.listed("set", *TABLE, affinity)[1]["set"]["timeout"] == 60


@pytest.mark.parametrize(
    "other",
    [
        "add set ip kube-proxy service-ips { type ipv4_addr; }",
        "add chain ip kube-proxy nat-prerouting { type nat hook prerouting priority 0; }",
        "add chain ip kube-proxy services { type filter hook input priority 0; }",
        "add chain ip kube-proxy services",
        "",
    ],
)
async def test_whatever_was_there_the_table_is_the_wanted_one_after_a_start(
    namespace: Namespace, start: Starter, other: str
) -> None:
    await start(sticky(), "10.1.0.1")
    rules, containers = namespace.rules(), namespace.names("set") | namespace.names("map")
    namespace.nft(f"delete table ip kube-proxy\n{other and 'add table ip kube-proxy'}\n{other}\n")
    await start(sticky(), "10.1.0.1")
    assert namespace.rules() == rules
    assert namespace.names("set") | namespace.names("map") == containers


async def test_the_layout_is_what_the_kernel_lists(namespace: Namespace, start: Starter) -> None:
    await start(None)
    wanted = base_table.make_layout(SETTINGS)
    present = await kernel.read_table("ip", wanted.containers)
    assert present is not None
    assert present.layout == wanted
    assert present.elements == {
        name: {NODE: ""} if name == base_table.NODEPORT_IPS else {} for name in wanted.containers
    }
