"""Negotiate the form of an answer. Source: apiserver/pkg/endpoints/handlers/negotiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kprov.kube.machinery import status
from kprov.kube.machinery.key_bounds import cache_short

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.request import Request

JSON: Final = "application/json"
YAML: Final = "application/yaml"
_SERVED: Final = ("application/json", "application/yaml")
#: Media types of streams of events.
_STREAMED: Final = {JSON}


@dataclass(frozen=True, slots=True)
class Form:
    """media_type: JSON or YAML. kind: "", Table, PartialObjectMetadata or PartialObjectMetadataList."""

    media_type: str = JSON
    kind: str = ""
    version: str = ""
    pretty: bool = False


_LISTED: Final = (*_SERVED, f"{JSON};stream=watch")
#: The object itself as JSON. Equal forms are this instance, so that `is` compares.
PLAIN: Final = Form()
_INDENTED: Final = Form(pretty=True)
#: User agents of programs for people; upstream indents for them.
_READERS: Final = ("curl", "Wget", "Mozilla/5.0")
#: The clauses of an Accept header that count. Browsers send fewer than ten.
_MAX_CLAUSES: Final = 100
_CONVERSION: Final = {"as", "g", "v"}
_TRANSFORMS: Final = {"Table", "PartialObjectMetadata", "PartialObjectMetadataList"}


def negotiate(
    request: Request,
    query: Mapping[str, str],
    *,
    transforms: bool = True,
    is_routed: bool = True,
    is_list: bool = False,
) -> Form:
    """Return the form that a request wants, with `pretty` set. Raise StatusError 406.

    transforms, is_routed, is_list: see parse_accept.
    """
    accept = request.headers.get("Accept", "")
    form = parse_accept(accept, transforms=transforms, is_routed=is_routed, is_list=is_list)
    return replace(form, pretty=True) if form.media_type == JSON and is_pretty(request, query) else form


def is_pretty(request: Request, query: Mapping[str, str]) -> bool:
    """Whether to indent: the parameter `pretty`, else by the user agent."""
    if "pretty" in query:
        return query["pretty"].lower() in {"1", "t", "true"}
    return request.headers.get("User-Agent", "").startswith(_READERS)


def negotiate_error(request: Request, query: Mapping[str, str]) -> Form:
    """Return the form of a Status: as `negotiate`, and indented JSON if the client accepts no form."""
    try:
        return negotiate(request, query, transforms=False, is_routed=False)
    except status.StatusError:
        return _INDENTED


@cache_short(maxsize=256)
def parse_accept(
    accept: str, *, transforms: bool = True, is_routed: bool = True, is_list: bool = False
) -> Form:
    """Return the form that an Accept header wants. Raise StatusError 406 if the server has none of its forms.

    transforms: whether the resource has tables and partial metadata; reviews have none. is_routed: whether
    upstream's route also requires one of its media types by its exact name; false for /apis and its groups.
    is_list: whether the 406 also names the media type of watches.
    """
    if not accept or accept in {"*/*", JSON}:
        return PLAIN
    if is_routed:
        check_route(accept, _LISTED if is_list else _SERVED)
    for named, values in parse_clauses(accept):
        for media_type in _SERVED:
            if named not in {media_type, "application/*", "*/*"}:
                continue
            wanted = _find_transform(values)
            if wanted is None or (wanted and not transforms):
                continue
            if values.get("stream") and (values["stream"] != "watch" or media_type not in _STREAMED):
                continue
            if values.get("sv"):
                continue
            made = Form(media_type, wanted, values.get("v", ""), values.get("pretty") == "1")
            return PLAIN if made == PLAIN else made
    raise not_acceptable_error(_SERVED)


def _find_transform(values: Mapping[str, str]) -> str | None:
    """Return the kind that a clause wants; "" for the object itself, None for an unknown kind."""
    if not _CONVERSION.intersection(values):
        return ""
    named = values.get("g"), values.get("v"), values.get("as")
    is_known = named[0] == "meta.k8s.io" and named[1] in {"v1", "v1beta1"} and named[2] in _TRANSFORMS
    return named[2] if is_known else None


def check_route(accept: str, served: Sequence[str] = _SERVED) -> None:
    """Raise StatusError 406 unless the Accept header has `*/*` or one of the route's media types."""
    named = {clause.partition(";")[0].strip() for clause in _split_clauses(accept)}
    if named.isdisjoint({*served, "*/*"}):
        raise status.not_acceptable(served)


def not_acceptable_error(served: Iterable[str]) -> status.StatusError:
    """Return the 406 for a known media type in an unknown form."""
    text = f"only the following media types are accepted: {', '.join(served)}"
    return status.failure(406, "NotAcceptable", text)


def parse_media_types(accept: str) -> list[str]:
    """Return the media types of an Accept header, best first, without parameters."""
    return [named for named, _ in parse_clauses(accept)]


@cache_short(maxsize=256)
def parse_clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Media types of an Accept header with their parameters, best first. Do not change the shared result.

    Source: goautoneg. Its comparison is not transitive: a concrete type precedes a wildcard whatever their
    q values. The result depends on the algorithm, which is insertion sort for so few elements. It takes the
    square of their number, so that clauses beyond the first 100 do not count.
    """
    clauses: list[_Clause] = []
    for text in _split_clauses(accept):
        clause = _parse_clause(text)
        if clause is None:
            continue
        place = len(clauses)
        while place and _precedes(clause, clauses[place - 1]):
            place -= 1
        clauses.insert(place, clause)
    return [(f"{clause.kind}/{clause.subtype}", clause.values) for clause in clauses]


def _split_clauses(accept: str) -> list[str]:
    return accept.split(",", _MAX_CLAUSES)[:_MAX_CLAUSES]


@dataclass(frozen=True, slots=True)
class _Clause:
    kind: str
    subtype: str
    quality: float
    values: dict[str, str]


def _parse_clause(text: str) -> _Clause | None:
    media_type, *parameters = text.split(";")
    kind, slash, subtype = (part.strip(" ") for part in media_type.partition("/"))
    if not subtype and kind == "*":
        subtype = "*"
    if not subtype or "/" in subtype or (slash and not media_type.partition("/")[2]):
        return None
    values: dict[str, str] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if value and "=" not in value:
            values[name.strip(" ")] = value.strip(" ")
    return _Clause(kind, subtype, _parse_quality(values.pop("q", "1")), values)


def _precedes(clause: _Clause, other_clause: _Clause) -> bool:
    return (
        clause.quality > other_clause.quality
        or (clause.kind != "*" and other_clause.kind == "*")
        or (clause.subtype != "*" and other_clause.subtype == "*")
    )


def _parse_quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
