"""Flags of local-path-provisioner."""

from dataclasses import dataclass
from pathlib import Path

from kprov.kube.component_base.options import FlagSet


@dataclass(frozen=True, kw_only=True)
class Options:
    kubeconfig: str
    node_name: str
    provisioner_name: str
    volumes_dir: Path
    health_address: str
    health_port: int
    verbosity: int


def parse(argv: list[str] | None = None) -> Options:
    """Options from the command line; ends the program with status 1 and one line on a wrong one."""
    flags = FlagSet("local-path-provisioner", "makes local volumes for claims of pods on this node")
    flags.string("kubeconfig", "", "file with the API server's address and this program's credentials")
    flags.string("node-name", "", "name of this node's Node object")
    flags.string("provisioner-name", "kprov.io/local-path", "provisioner of the storage classes to serve")
    flags.string("volumes-dir", "/var/lib/kprov/local-volumes", "where the volumes' directories are made")
    flags.string("healthz-bind-address", "127.0.0.1:10247", "address and port of /healthz and /metrics")
    values = flags.parse(argv)
    for name in ("kubeconfig", "node_name"):
        if not getattr(values, name):
            raise SystemExit(f"Error: --{name.replace('_', '-')} is required")
    volumes_dir = Path(values.volumes_dir)
    if not volumes_dir.is_absolute() or ".." in volumes_dir.parts:
        raise SystemExit(f'Error: --volumes-dir: {volumes_dir} must be an absolute path without ".."')
    host, _, port = values.healthz_bind_address.rpartition(":")
    return Options(
        kubeconfig=values.kubeconfig,
        node_name=values.node_name,
        provisioner_name=values.provisioner_name,
        volumes_dir=volumes_dir,
        health_address=host.strip("[]"),
        health_port=int(port),
        verbosity=values.v,
    )
