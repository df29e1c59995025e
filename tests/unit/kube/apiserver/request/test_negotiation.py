"""The form that an Accept header wants."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.request import negotiation
from kprov.kube.machinery.status import StatusError

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "media_type", "kind"),
    [
        ("", "application/json", ""),
        ("*/*", "application/json", ""),
        ("application/yaml", "application/yaml", ""),
        (f"{TABLE},application/json", "application/json", "Table"),
        ("application/vnd.kubernetes.protobuf,application/json", "application/json", ""),
        ("application/json;as=Unheard;v=v1;g=meta.k8s.io,application/json", "application/json", ""),
        ("application/json;q=0.1,application/yaml;q=0.9", "application/yaml", ""),
        ("*/*;q=0.9,application/yaml;q=0.8", "application/yaml", ""),
        ("application/json;stream=watch", "application/json", ""),
        ("application/json;as=Table,application/yaml", "application/yaml", ""),
        ("application/json;v=v1,application/yaml", "application/yaml", ""),
        (" application/yaml ; q=0.5", "application/yaml", ""),
    ],
)
def test_an_accept_header_selects_media_type_and_kind(accept: str, media_type: str, kind: str) -> None:
    form = negotiation.parse_accept(accept)
    assert (form.media_type, form.kind) == (media_type, kind)


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.kubernetes.protobuf",
        "application/*",
        "Application/JSON",
        "application/json/x",
        "application/json;as=Table",
        "application/json;v=v2",
        "application/json;stream=x",
        "application/yaml;stream=watch",
    ],
)
def test_an_unknown_form_is_not_acceptable(accept: str) -> None:
    with pytest.raises(StatusError) as refused:
        negotiation.parse_accept(accept)
    assert refused.value.code == 406


def test_the_406_of_a_list_names_the_media_type_of_watches() -> None:
    with pytest.raises(StatusError) as refused:
        negotiation.parse_accept("image/png", is_list=True)
    assert str(refused.value).endswith(": application/json, application/yaml, application/json;stream=watch")


def test_without_a_route_an_accept_wildcard_of_a_type_is_enough() -> None:
    assert negotiation.parse_accept("application/*", is_routed=False) is negotiation.PLAIN


def test_clauses_beyond_the_hundredth_do_not_count() -> None:
    """The order of clauses is found in the square of their number."""
    some = ",".join(["a/b"] * 99)
    assert negotiation.parse_accept(f"{some},application/yaml").media_type == "application/yaml"
    with pytest.raises(StatusError):
        negotiation.parse_accept(f"a/b,{some},application/yaml")
    assert len(negotiation.parse_clauses("a/b," * 100_000)) == 100
