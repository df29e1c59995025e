"""The metric kubernetes_build_info, and the body of /version with the same values."""

import platform
from collections.abc import Iterator
from typing import Final

from kprov.kube.component_base.build_info import BuildInfo, get_build_info
from kprov.kube.component_base.options import VERSION
from kprov.kube.component_base.prometheus import (
    Collector,
    CollectorRegistry,
    GaugeMetricFamily,
    Metric,
    generate_latest,
)

#: Labels, and the fields of /version with their values.
_LABELS: Final = {
    "major": "major",
    "minor": "minor",
    "git_version": "gitVersion",
    "git_commit": "gitCommit",
    "git_tree_state": "gitTreeState",
    "build_date": "buildDate",
    "go_version": "goVersion",
    "compiler": "compiler",
    "platform": "platform",
}


def build_version(made_of: BuildInfo) -> dict[str, str]:
    """Return the body of /version."""
    major, minor = VERSION.lstrip("v").split(".")[:2]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": VERSION,
        "gitCommit": made_of.commit,
        "gitTreeState": made_of.tree_state,
        "buildDate": made_of.date,
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation(),
        "platform": f"linux/{machine}",
    }


def make_build_family(version: dict[str, str]) -> GaugeMetricFamily:
    """version: of `build_version`."""
    family = GaugeMetricFamily(
        "kubernetes_build_info",
        "[BETA] A metric with a constant '1' value labeled by major, minor, git version, git commit, "
        "git tree state, build date, Go version, and compiler from which Kubernetes was built, and "
        "platform on which it is running.",
        labels=list(_LABELS),
    )
    family.add_metric([version[field] for field in _LABELS.values()], 1)
    return family


def render_build_metric() -> bytes:
    """Return the metric in Prometheus' text format. The first call may run git."""
    registry = CollectorRegistry()
    registry.register(_BuildCollector())
    return generate_latest(registry)


class _BuildCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield make_build_family(build_version(get_build_info()))
