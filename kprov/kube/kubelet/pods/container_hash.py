"""The hash that shows a change of a container's definition (kubecontainer.HashContainer)."""

from kprov.kube.api.core import Container
from kprov.kube.machinery.go_text import go_json

_OFFSET_BASIS = 0x811C9DC5
_PRIME = 0x01000193


def hash_container(container: Container) -> str:
    """Hexadecimal 32-bit FNV-1a of name and image, equal to upstream's.

    Other changes do not restart a container. The value is a label of the container, so a kubelet of upstream
    and this one can take over each other's containers. Upstream encodes the two fields as JSON and hashes
    what go-spew prints for those bytes: their type and their decimal values.
    """
    fields = {"image": container.image, "name": container.name}
    text = "([]uint8)[" + " ".join(str(byte) for byte in go_json.dumps(fields)) + "]"
    value = _OFFSET_BASIS
    for byte in text.encode():
        value = ((value ^ byte) * _PRIME) & 0xFFFFFFFF
    return f"{value:x}"
