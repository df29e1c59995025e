"""The three kinds of probes."""

from kprov.kube.api.core import Container, Probe

LIVENESS, READINESS, STARTUP = "Liveness", "Readiness", "Startup"


def get_probe(container: Container, kind: str) -> Probe | None:
    if kind == LIVENESS:
        return container.liveness_probe
    return container.readiness_probe if kind == READINESS else container.startup_probe
