"""Every case's answers are upstream's, or differences.yml says why not."""

from __future__ import annotations

import pytest

from tests.upstream.conftest import Found, PairOf
from tests.upstream.differences import obsolete, unexplained
from tests.upstream.steps import Case, cases


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_answers_are_those_of_upstream(case: Case, pair_of: PairOf, found: Found) -> None:
    found[case.name] = pair_of(case.flags).run(case)
    remaining = unexplained(found[case.name])
    assert not remaining, f"{len(remaining)} differences:\n" + "\n".join(map(str, remaining[:50]))


def test_every_accepted_difference_still_occurs(pair_of: PairOf, found: Found) -> None:
    """The last test: it looks at the reasons whose every case has run."""
    entries = obsolete((each for case in found.values() for each in case), found)
    assert not entries, "remove from differences.yml:\n" + "\n".join(map(str, entries))
