"""A server's name follows from its host's."""

from kprov.kube.apiserver.bootstrap.server_identity import build_identity


def test_the_name_is_upstreams() -> None:
    """As upstream's server of 1.36 names itself on a host called vm."""
    assert build_identity("vm") == "apiserver-wlv32tlttr4jl3gtroqexyxapa"
