"""The object types of Kubernetes' CEL environment, under upstream's names.

Source: k8s.io/apiserver/pkg/cel/{quantity,url,ip,cidr,semver,format}.go, library/authz.go.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kprov.kube.component_helpers.cel.messages import Fields

QUANTITY: Final = "kubernetes.Quantity"
SEMVER: Final = "kubernetes.Semver"
URL: Final = "kubernetes.URL"
NAMED_FORMAT: Final = "kubernetes.NamedFormat"
FORMAT_PROBLEMS: Final = "kubernetes.FormatProblems"
IP: Final = "net.IP"
CIDR: Final = "net.CIDR"
_AUTHORIZATION: Final = "kubernetes.authorization"
AUTHORIZER: Final = f"{_AUTHORIZATION}.Authorizer"
PATH_CHECK: Final = f"{_AUTHORIZATION}.PathCheck"
GROUP_CHECK: Final = f"{_AUTHORIZATION}.GroupCheck"
RESOURCE_CHECK: Final = f"{_AUTHORIZATION}.ResourceCheck"
DECISION: Final = f"{_AUTHORIZATION}.Decision"

_CHECK_FIELDS: Final = {"account": "string", "group": "string"}
TYPES: Final[dict[str, Fields]] = {
    # Nano units may exceed 64 bits.
    QUANTITY: {"nanos": "string"},
    SEMVER: {"text": "string"},
    URL: {"text": "string"},
    NAMED_FORMAT: {"name": "string"},
    FORMAT_PROBLEMS: {"problems": "list(string)"},
    IP: {"text": "string"},
    CIDR: {"text": "string"},
    AUTHORIZER: {"account": "string", "requestResource": RESOURCE_CHECK},
    PATH_CHECK: {"account": "string", "path": "string"},
    GROUP_CHECK: _CHECK_FIELDS,
    RESOURCE_CHECK: {
        **_CHECK_FIELDS,
        **dict.fromkeys(
            ("resource", "subresource", "namespace", "name", "fieldSelector", "labelSelector"), "string"
        ),
    },
    DECISION: {"allowed": "bool", "reason": "string", "error": "string"},
}


@cache
def _classes() -> dict[str, Any]:
    from google.protobuf import message_factory

    from kprov.kube.component_helpers.cel.messages import build_pool

    pool = build_pool(TYPES)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in TYPES}


def make(kind: str, /, **fields: Any) -> Any:
    """Make a value of one of these types."""
    return _classes()[kind](**fields)
