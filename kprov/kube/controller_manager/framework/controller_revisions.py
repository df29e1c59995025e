"""The content and names of ControllerRevisions (pkg/controller/history).

A revision holds the strategic merge patch that restores a pod template. Upstream's controllers compare its
bytes: with the same bytes, either side takes over the other's revisions and pods.
"""

from typing import Any, Final

import orjson

from kprov.kube.controller_manager.framework.safe_encoding import encode_hash
from kprov.kube.machinery.go_text import go_json
from kprov.kube.machinery.json_object import JsonObject

#: The label of a ControllerRevision with the hash of its data (stateful sets).
DATA_HASH_LABEL: Final = "controller.kubernetes.io/hash"
#: The label of pods (and of daemon sets' revisions) that says which revision they have.
POD_REVISION_LABEL: Final = "controller-revision-hash"
# What is left of the owner's name, so that the whole name fits in 253 characters.
_PREFIX_LIMIT: Final = 223


def make_revision_patch(template: JsonObject) -> JsonObject:
    """Return the strategic merge patch that gives an owner this template again."""
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def make_revision_data(template: JsonObject) -> bytes:
    """Return the patch as Go encodes a map: sorted keys, no spaces, escaped HTML characters."""
    return go_json.dumps(make_revision_patch(template), orjson.OPT_SORT_KEYS)


def read_template(data: Any) -> JsonObject:
    """Return the template that the data of a revision restore. Raises ValueError if they have none."""
    try:
        template = data["spec"]["template"]
        return {key: value for key, value in template.items() if key != "$patch"}
    except (KeyError, TypeError, AttributeError):
        raise ValueError("the revision's data have no spec.template") from None


def compute_data_hash(data: bytes, collision_count: int) -> str:
    """Return the hash of a revision's data (HashControllerRevision). Each collision count gives another."""
    return encode_hash(_fnv1(data + str(collision_count).encode()))


def make_revision_name(owner: str, digest: str) -> str:
    return f"{owner[:_PREFIX_LIMIT]}-{digest}"


def _fnv1(content: bytes) -> int:
    """Go's fnv.New32."""
    value = 0x811C9DC5
    for byte in content:
        value = ((value * 0x01000193) & 0xFFFFFFFF) ^ byte
    return value
