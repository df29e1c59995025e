import struct
from pathlib import Path

from kprov.kube.pod_network import conflist, kernel, ruleset


def test_the_list_gives_pods_addresses_of_the_node_and_leaves_masquerading_to_the_table() -> None:
    document = conflist.conflist(["10.233.64.0/24"], "cni0")
    bridge = document["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.233.64.0/24"}]]
    assert bridge["ipam"]["routes"] == [{"dst": "0.0.0.0/0"}]
    assert (bridge["isGateway"], bridge["hairpinMode"], bridge["ipMasq"]) == (True, True, False)
    assert document["plugins"][1]["capabilities"] == {"portMappings": True}


def test_the_file_is_written_once(tmp_path: Path) -> None:
    content = conflist.encode(conflist.conflist(["10.1.0.0/24"], "cni0"))
    assert conflist.write_if_changed(tmp_path / "net.d", content)
    assert not conflist.write_if_changed(tmp_path / "net.d", content)
    assert [path.name for path in (tmp_path / "net.d").iterdir()] == ["10-kprov.conflist"]


def test_only_traffic_that_leaves_the_cluster_is_masqueraded() -> None:
    text = ruleset.render_ruleset(["10.233.64.0/18"])
    assert "ip saddr { 10.233.64.0/18 } ip daddr != { 10.233.64.0/18, 224.0.0.0/4 } masquerade" in text
    assert "ip6" not in text


def test_disabled_ip_forwarding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/ipv4/ip_forward").write_text("0\n")
    assert "ip_forward is off" in kernel.check_forwarding(tmp_path)
    (tmp_path / "net/ipv4/ip_forward").write_text("1\n")
    assert kernel.check_forwarding(tmp_path) == ""


def test_a_route_that_the_kernel_refuses_is_named() -> None:
    said = "ip -4 -batch -: Error: Nexthop has invalid gateway.\nCommand failed -:2"
    text = kernel._name_failed_routes(
        said, ["route replace 10.1.0.0/24 via a", "route replace 10.2.0.0/24 via b"]
    )
    assert text == "ip -4 -batch -: Error: Nexthop has invalid gateway. (route replace 10.2.0.0/24 via b)"


def test_netlink_messages_are_recognized_by_their_type() -> None:
    def packed(kind: int, body: bytes) -> bytes:
        return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body + b"\0" * (-len(body) % 4)

    assert kernel.parse_message_types(packed(25, b"abc") + packed(16, b"")) == [25, 16]
