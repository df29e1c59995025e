"""The user, the parsed path and the state of one API request, which all layers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kprov.kube.apiserver.request.heavy_lane import LaneEntry, Place

#: The maximum length of a field manager that comes from the user agent.
_MANAGER_LENGTH: Final = 128


@dataclass(slots=True)
class Remarks:
    """Warning texts and audit annotations that valid credentials cause."""

    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserInfo:
    """An authenticated user, as upstream's user.Info. Groups hold system:authenticated where it applies."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Warnings and audit annotations of the credentials.
    remarks: Remarks | None = field(default=None, compare=False, repr=False)

    def to_document(self) -> dict[str, Any]:
        """authentication.k8s.io/v1 UserInfo, empty fields left out."""
        shown: dict[str, Any] = {"username": self.name} if self.name else {}
        if self.uid:
            shown["uid"] = self.uid
        if self.groups:
            shown["groups"] = list(self.groups)
        if self.extra:
            shown["extra"] = {key: list(values) for key, values in self.extra.items()}
        return shown


ANONYMOUS = UserInfo(name="system:anonymous", groups=("system:unauthenticated",))


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """The parsed path and verb of a request, as upstream's RequestInfo.

    For resource requests verb is one of get, list, watch, create, update, patch, delete, deletecollection;
    otherwise it is the lower-case HTTP method. Empty strings mean absent. For list, watch and
    deletecollection with a field selector, `selected_fields` has its equality terms, and `name` is the one
    of metadata.name. in_namespace: the path says "namespaces/NAMESPACE", where NAMESPACE may be empty.
    """

    path: str
    verb: str
    is_resource_request: bool
    api_prefix: str = ""
    api_group: str = ""
    api_version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    selected_fields: tuple[tuple[str, str], ...] = ()
    in_namespace: bool = False


@dataclass(slots=True)
class RequestContext:
    """The state of one request. `warnings` become Warning headers.

    `applied`: server-side apply made the object and has set managedFields.
    """

    user: UserInfo
    info: RequestInfo
    dry_run: bool = False
    field_manager: str = ""
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)
    applied: bool = False
    #: The way into the lane of requests with long computations; None for what the server writes by itself.
    lane_entry: LaneEntry | None = None
    #: The annotations of the request's audit event; None when it has none.
    audit_annotations: dict[str, str] | None = None

    @property
    def place(self) -> Place | None:
        """The place of this request in the lane of long computations; None outside."""
        return None if self.lane_entry is None else self.lane_entry.place

    @property
    def manager(self) -> str:
        """The owner of written fields: fieldManager, or the user agent up to its first slash."""
        return self.field_manager or self.user_agent.split("/", 1)[0][:_MANAGER_LENGTH]

    def annotate(self, key: str, value: str) -> None:
        """Add an annotation to the audit event; the first value of a key stays, as upstream."""
        if self.audit_annotations is not None:
            self.audit_annotations.setdefault(key, value)
