"""Which secrets a pod uses (pkg/api/v1/pod, VisitPodSecretNames)."""

from collections.abc import Iterator

from kprov.kube.api.core import Container, Pod
from kprov.kube.component_helpers.volume_secrets import list_volume_secrets


def list_secret_names(pod: Pod) -> set[str]:
    """Return the names of the secrets, in the pod's namespace."""
    spec = pod.spec
    names = {reference.name for reference in spec.image_pull_secrets}
    for container in (*spec.init_containers, *spec.containers, *spec.ephemeral_containers):
        names.update(_list_environment(container))
    for volume in spec.volumes:
        names.update(list_volume_secrets(volume))
    return names - {""}


def _list_environment(container: Container) -> Iterator[str]:
    for source in container.env_from:
        if source.secret_ref is not None:
            yield source.secret_ref.name
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
            yield variable.value_from.secret_key_ref.name
