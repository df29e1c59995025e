"""Flags of cri-docker, with cri-dockerd's names where it has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kprov.kube.component_base.options import FlagSet

_UNIX: Final = "unix://"


@dataclass(frozen=True, kw_only=True)
class Options:
    """pull_progress_seconds: a pull without progress for so long is cancelled.

    restrict_oom_score: no container gets a lower score than this process has.
    """

    socket: Path
    engine_socket: str
    pause_image: str
    cni_conf_dir: Path
    cni_bin_dirs: tuple[Path, ...]
    state_dir: Path
    pull_progress_seconds: float
    restrict_oom_score: bool
    health_address: str
    health_port: int
    verbosity: int


def parse(argv: list[str] | None = None) -> Options:
    """Options from the command line; ends the program with status 1 and one line on a wrong one."""
    flags = FlagSet("cri-docker", "serves the Container Runtime Interface over Docker Engine's API")
    flags.string("container-runtime-endpoint", "unix:///run/cri-docker.sock", "socket to serve CRI at")
    flags.string("docker-endpoint", "unix:///run/docker.sock", "socket of Docker Engine")
    flags.string("pod-infra-container-image", "registry.k8s.io/pause:3.10.1", "image of pod sandboxes")
    flags.string("cni-conf-dir", "/etc/cni/net.d", "where the network's configuration is")
    flags.string_list("cni-bin-dir", ["/opt/cni/bin"], "where the network plugins are")
    flags.string("cri-dockerd-root-directory", "/var/lib/cri-docker", "where results of plugins are kept")
    flags.duration("image-pull-progress-deadline", 60.0, "a pull without progress for so long is cancelled")
    text = "no oom_score_adj below that of this process: for hosts without CAP_SYS_RESOURCE"
    flags.boolean("restrict-oom-score-adj", False, text)
    flags.string("healthz-bind-address", "127.0.0.1:10249", "address and port of /healthz and /metrics")
    values = flags.parse(argv)
    for name in ("container-runtime-endpoint", "docker-endpoint"):
        endpoint = getattr(values, name.replace("-", "_"))
        if not endpoint.startswith(f"{_UNIX}/"):
            raise SystemExit(f"Error: --{name}: {endpoint} must begin with {_UNIX}/")
    host, _, port = values.healthz_bind_address.rpartition(":")
    if not port.isdecimal():
        raise SystemExit(f"Error: --healthz-bind-address: {values.healthz_bind_address} has no port")
    return Options(
        socket=Path(values.container_runtime_endpoint.removeprefix(_UNIX)),
        engine_socket=values.docker_endpoint.removeprefix(_UNIX),
        pause_image=values.pod_infra_container_image,
        cni_conf_dir=Path(values.cni_conf_dir),
        cni_bin_dirs=tuple(Path(folder) for folder in values.cni_bin_dir),
        state_dir=Path(values.cri_dockerd_root_directory),
        pull_progress_seconds=values.image_pull_progress_deadline,
        restrict_oom_score=values.restrict_oom_score_adj,
        health_address=host.strip("[]"),
        health_port=int(port),
        verbosity=values.v,
    )
