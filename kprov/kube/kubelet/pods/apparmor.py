"""Whether this host can confine containers with AppArmor (pkg/security/apparmor)."""

import logging
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.pods import pod_queries

log = logging.getLogger(__name__)

_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"
_UNCONFINED: Final = "Unconfined"

NOT_ENABLED: Final = "AppArmor is not enabled on the host"
#: The runtime loads its default profile with this program. Without it, containers start unconfined.
NO_PARSER: Final = (
    "AppArmor is enabled in the kernel, but /sbin/apparmor_parser is missing: containers run unconfined"
    " (install the package apparmor and restart the container runtime)"
)


def check_host(root: Path = Path("/")) -> str | None:
    """Why the runtime cannot enforce profiles on the host whose root is `root`. None if it can."""
    if not (root / "sys/kernel/security/apparmor").exists():
        return NOT_ENABLED
    try:
        enabled = (root / "sys/module/apparmor/parameters/enabled").read_text(encoding="ascii")
    except OSError:
        return NOT_ENABLED
    if not enabled.startswith("Y"):
        return NOT_ENABLED
    return None if (root / "sbin/apparmor_parser").exists() else NO_PARSER


def log_problem(problem: str | None) -> None:
    """Warn that containers run unconfined although the kernel has AppArmor."""
    if problem == NO_PARSER:
        log.warning("%s", problem)


def is_required(pod: Pod) -> bool:
    """Whether the pod names a profile, for itself or for a container."""
    contexts = [pod.spec.security_context]
    contexts += [container.security_context for container in pod_queries.list_containers(pod)]
    profiles = [profile for context in contexts if (profile := (context or {}).get("appArmorProfile"))]
    if any(profile.get("type") != _UNCONFINED for profile in profiles):
        return True
    values = (value for key, value in pod.metadata.annotations.items() if key.startswith(_ANNOTATION))
    return any(value != _UNCONFINED.lower() for value in values)
