"""In which form a client wants its answer. Source: apiserver/pkg/endpoints/handlers/negotiation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from kprov.kube.machinery import status

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.request import Request

JSON: Final = "application/json"
YAML: Final = "application/yaml"
_SERVED: Final = ("application/json", "application/yaml")


@dataclass(frozen=True, slots=True)
class Form:
    """media_type: JSON or YAML. kind: "", Table, PartialObjectMetadata or PartialObjectMetadataList."""

    media_type: str = JSON
    kind: str = ""
    version: str = ""
    pretty: bool = False


#: JSON of the object itself; forms that equal it are it.
PLAIN: Final = Form()
_INDENTED: Final = Form(pretty=True)
#: Programs that people read with; upstream indents for them.
_READERS: Final = ("curl", "Wget", "Mozilla/5.0")
_TRANSFORMS: Final = {"Table", "PartialObjectMetadata", "PartialObjectMetadataList"}


def of(request: Request, query: Mapping[str, str], *, transforms: bool = True) -> Form:
    """What a request asks for; indented when it says so or a person reads it. Raises StatusError 406.

    transforms: whether there are tables and metadata of what is asked; of reviews there are none.
    """
    headers = request.headers
    found = form(headers.get("Accept", ""), transforms=transforms)
    if "pretty" in query:
        pretty = query["pretty"].lower() in {"1", "t", "true"}
    else:
        pretty = headers.get("User-Agent", "").startswith(_READERS)
    return replace(found, pretty=True) if pretty and found.media_type == JSON else found


def of_error(request: Request, query: Mapping[str, str]) -> Form:
    """In which form a client gets a Status: as `of`; who takes nothing of what there is may be a person."""
    try:
        return of(request, query, transforms=False)
    except status.StatusError:
        return _INDENTED


@lru_cache(maxsize=256)
def form(accept: str, *, transforms: bool = True) -> Form:
    """What an Accept header asks for. Raises StatusError 406 when none of its forms is served."""
    if not accept or accept in {"*/*", JSON}:
        return PLAIN
    is_known = False
    for named, values in clauses(accept):
        media_type = JSON if named in {"*/*", "application/*"} else named
        if media_type not in _SERVED:
            continue
        is_known = True
        wanted = values.get("as", "")
        if wanted and not transforms:
            continue
        if wanted and (wanted not in _TRANSFORMS or values.get("g", "meta.k8s.io") != "meta.k8s.io"):
            continue
        if wanted and values.get("v", "v1") not in {"v1", "v1beta1"}:
            continue
        made = Form(media_type, wanted, values.get("v", "v1"), values.get("pretty") == "1")
        return PLAIN if made == PLAIN else made
    raise refused(_SERVED) if is_known else status.not_acceptable(_SERVED)


def refused(served: Iterable[str]) -> status.StatusError:
    """The 406 of who takes a media type there is, in a form there is not."""
    text = f"only the following media types are accepted: {', '.join(served)}"
    return status.failure(406, "NotAcceptable", text)


def media_types(accept: str) -> list[str]:
    """The media types of an Accept header, best first, without parameters."""
    return [named for named, _ in clauses(accept)]


@lru_cache(maxsize=256)
def clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Media types of an Accept header with their parameters, best first. Shared: not to be changed."""
    found = []
    for position, clause in enumerate(accept.split(",")):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        values = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        found.append((-_quality(values.get("q", "1")), position, media_type.lower(), values))
    return [(named, values) for _, _, named, values in sorted(found, key=lambda each: each[:2])]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
