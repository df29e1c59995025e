"""The hash by which a kubelet notices that a container's definition changed (kubecontainer.HashContainer)."""

from kprov.kube.kubelet.pods.pod_queries import Container
from kprov.kube.machinery.go_text import go_json

_OFFSET_BASIS = 0x811C9DC5
_PRIME = 0x01000193


def container_hash(container: Container) -> str:
    """Hexadecimal 32-bit FNV-1a, equal to upstream's: kubelets take over each other's containers by it.

    It covers name and image only: other changes do not restart a container. Upstream encodes the two as JSON
    and hashes what go-spew prints for those bytes: their type and their decimal values.
    """
    fields = {"image": container.get("image") or "", "name": container["name"]}
    text = "([]uint8)[" + " ".join(str(byte) for byte in go_json.dumps(fields)) + "]"
    value = _OFFSET_BASIS
    for byte in text.encode():
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return f"{value:x}"
