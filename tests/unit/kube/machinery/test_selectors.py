import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprov.kube.machinery.selectors import FieldSelector, LabelSelector, SelectorError

LABELS = {"app": "web", "tier": "front", "size": "7"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app=web",
        "app==web,tier!=back",
        "app in (web,db)",
        "tier notin (back)",
        "app",
        "!gone",
        "size>6",
        "size<8",
    ],
)
def test_selectors_that_match(text: str) -> None:
    assert LabelSelector.parse(text).matches(LABELS)


@pytest.mark.parametrize(
    "text", ["app=db", "app!=web", "!app", "gone", "app notin (web)", "size>7", "gone in (a)"]
)
def test_selectors_that_do_not_match(text: str) -> None:
    assert not LabelSelector.parse(text).matches(LABELS)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a in ((b))", "unable to parse requirement: found '(', expected: ',', ')' or identifier"),
        ("a in (,(", "unable to parse requirement: found '(', expected: ',', or identifier"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
    ],
)
def test_errors_are_in_upstreams_words(text: str, error: str) -> None:
    with pytest.raises(SelectorError) as caught:
        LabelSelector.parse(text)
    assert str(caught.value) == error


def test_an_absent_object_selects_nothing_and_an_empty_one_everything() -> None:
    assert not LabelSelector.from_object(None).matches(LABELS)
    assert LabelSelector.from_object({}).matches({})


def test_objects_join_labels_and_expressions() -> None:
    selector = LabelSelector.from_object(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}],
        }
    )
    assert selector.matches(LABELS)
    assert str(selector) == "app=web,tier notin (back)"


key = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True).filter(
    lambda text: text not in {"in", "notin"}
)


@given(st.dictionaries(key, key, max_size=4))
def test_selectors_parse_their_own_text(labels: dict[str, str]) -> None:
    selector = LabelSelector.from_labels(labels)
    assert LabelSelector.parse(str(selector)) == selector
    assert selector.matches(labels)


def test_field_selectors_compare_and_escape() -> None:
    selector = FieldSelector.parse(r"spec.nodeName=n1,status.phase!=Failed,metadata.name=a\,b")
    assert selector.matches({"spec.nodeName": "n1", "metadata.name": "a,b"})
    assert not selector.matches({"spec.nodeName": "n1", "metadata.name": "a,b", "status.phase": "Failed"})
    assert selector.exact("spec.nodeName") == "n1"
    assert selector.exact("status.phase") is None
    assert FieldSelector.parse(str(selector)) == selector


def test_a_field_selector_without_operator_is_refused() -> None:
    with pytest.raises(SelectorError, match="invalid selector: 'a'; can't understand 'a'"):
        FieldSelector.parse("a")


@pytest.mark.parametrize("text", ["=", "==", "!=", "=,!="])
def test_an_empty_field_selector_term_selects_every_object(text: str) -> None:
    assert FieldSelector.parse(text).is_empty
    assert not FieldSelector.parse(f"{text},a=b").is_empty


@pytest.mark.parametrize("kind", [LabelSelector, FieldSelector])
def test_a_selector_has_a_length_limit(kind: type[LabelSelector] | type[FieldSelector]) -> None:
    with pytest.raises(SelectorError, match="longer than 65536 characters"):
        kind.parse(",".join(f"a{number}=b" for number in range(20_000)))
