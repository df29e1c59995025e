"""The parsed parameters of lists and watches."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.handlers import parameters
from kprov.kube.apiserver.request import info
from kprov.kube.machinery.status import StatusError


def list_options(verb: str, query: dict[str, str]) -> Any:
    path_query = {**query, **({"watch": "1"} if verb == "watch" else {})}
    request, _ = info.parse("GET", "/api/v1/namespaces/n/pods", path_query)
    return parameters.parse_list_options(request, path_query, None)


@pytest.mark.parametrize(
    ("verb", "query"),
    [
        ("list", {"resourceVersionMatch": "Exact"}),
        ("list", {"resourceVersionMatch": "Exact", "resourceVersion": "0"}),
        ("list", {"resourceVersionMatch": "Newest", "resourceVersion": "1"}),
        ("list", {"sendInitialEvents": "true"}),
        ("list", {"resourceVersion": "x"}),
        ("list", {"labelSelector": "a in"}),
        ("list", {"continue": "x"}),
        ("list", {"limit": "many"}),
        ("watch", {"sendInitialEvents": "true"}),
        ("watch", {"resourceVersionMatch": "NotOlderThan", "resourceVersion": "1"}),
    ],
)
def test_list_parameters_that_exclude_each_other_are_rejected(verb: str, query: dict[str, str]) -> None:
    with pytest.raises(StatusError) as refused:
        list_options(verb, query)
    assert refused.value.code in {400, 422}


def test_a_watch_with_initial_events_is_parsed() -> None:
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    options = list_options("watch", query)
    assert options.send_initial_events
    assert options.bookmarks
    assert options.selection.namespace == "n"
