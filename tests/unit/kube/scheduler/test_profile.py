"""A profile has the plugins that its configuration enables."""

from __future__ import annotations

from tests.unit.kube.scheduler.decision_lab import Lab


def test_without_the_post_filter_nothing_is_preempted() -> None:
    profile = {"plugins": {"postFilter": {"disabled": [{"name": "*"}]}}}
    assert not Lab(profile=profile).profile.post_filters
