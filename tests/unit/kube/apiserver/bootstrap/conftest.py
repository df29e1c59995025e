"""The stores in memory that the tests of the registry have."""

from tests.unit.kube.apiserver.registry.conftest import make_server, options, registry

__all__ = ["make_server", "options", "registry"]
