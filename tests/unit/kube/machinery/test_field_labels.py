"""Which fields a list can be selected by."""

from __future__ import annotations

import pytest

from kprov.kube.machinery import field_labels
from kprov.kube.machinery.selectors import FieldSelector, SelectorError


def test_field_selectors_of_other_versions_use_stored_fields() -> None:
    selector = FieldSelector.parse("regarding.name=p,reportingController!=c")
    found = field_labels.convert_selector(("events.k8s.io", "v1", "Event"), selector)
    assert str(found) == "involvedObject.name=p,reportingComponent!=c"


@pytest.mark.parametrize(
    ("gvk", "text"),
    [
        (("", "v1", "Node"), "field label not supported: spec.foo"),
        (("batch", "v1", "Job"), 'field label "spec.foo" not supported for Job'),
        (
            ("apps", "v1", "Deployment"),
            '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
def test_a_selector_for_an_unknown_field_is_rejected_with_upstreams_message(
    gvk: tuple[str, str, str], text: str
) -> None:
    with pytest.raises(SelectorError) as caught:
        field_labels.convert_selector(gvk, FieldSelector.parse("spec.foo=1"))
    assert str(caught.value) == text
