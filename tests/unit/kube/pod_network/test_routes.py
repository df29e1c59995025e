from kprov.kube.pod_network.routes import PROTOCOL, Peer, Route, compute_routes, parse_routes, render_changes


def test_every_peer_gets_a_route_over_its_internal_ip() -> None:
    plan = compute_routes([Peer("n2", ("10.233.65.0/24",), ("10.70.0.12",))])
    assert plan.routes == {Route("10.233.65.0/24", "10.70.0.12")}
    assert plan.problems == ()


def test_families_keep_to_themselves() -> None:
    plan = compute_routes([Peer("n2", ("10.233.65.0/24", "fd00:1::/64"), ("10.70.0.12", "fd00::12"))])
    assert plan.routes == {Route("10.233.65.0/24", "10.70.0.12"), Route("fd00:1::/64", "fd00::12")}


def test_a_peer_without_address_is_named() -> None:
    plan = compute_routes([Peer("n2", ("10.233.65.0/24",), ())])
    assert plan.problems == ("node n2: no IPv4 InternalIP to route 10.233.65.0/24 over",)


def test_a_duplicate_pod_cidr_is_routed_to_the_first_node_and_reported() -> None:
    peers = [Peer("n3", ("10.1.0.0/24",), ("10.0.0.3",)), Peer("n2", ("10.1.0.0/24",), ("10.0.0.2",))]
    plan = compute_routes(peers)
    assert plan.routes == {Route("10.1.0.0/24", "10.0.0.2")}
    assert plan.problems == ("node n3: podCIDR 10.1.0.0/24 is also that of node n2",)


def test_nothing_to_change_gives_no_lines() -> None:
    present = parse_routes([{"dst": "10.1.0.0/24", "gateway": "10.0.0.2", "dev": "eth0"}])
    assert render_changes(present, present) == []


def test_a_dropped_route_comes_back_and_a_stale_one_goes() -> None:
    desired = frozenset({Route("10.1.0.0/24", "10.0.0.2")})
    present = frozenset({Route("10.9.0.0/24", "10.0.0.9")})
    assert render_changes(desired, present) == [
        f"route replace 10.1.0.0/24 via 10.0.0.2 proto {PROTOCOL}",
        f"route del 10.9.0.0/24 via 10.0.0.9 proto {PROTOCOL}",
    ]


def test_a_route_that_moves_is_replaced_and_not_deleted() -> None:
    lines = render_changes(frozenset({Route("10.1.0.0/24", "b")}), frozenset({Route("10.1.0.0/24", "a")}))
    assert lines == [f"route replace 10.1.0.0/24 via b proto {PROTOCOL}"]


def test_a_single_host_is_read_as_a_network() -> None:
    assert parse_routes([{"dst": "10.1.0.7", "gateway": "10.0.0.2"}]) == {Route("10.1.0.7/32", "10.0.0.2")}
