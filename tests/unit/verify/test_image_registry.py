"""What a registry of an export must answer."""

from __future__ import annotations

from kprov.verify.checks.image_registry import judge_registry


def test_a_registry_that_serves_images_passes() -> None:
    finding = judge_registry({"address": "192.0.2.1:5000", "repositories": 3}, "active")
    assert (finding.name, finding.ok) == ("registry 192.0.2.1:5000", True)
    assert finding.detail == "serves 3 images"


def test_a_registry_that_does_not_answer_is_named_with_the_state_of_its_unit() -> None:
    finding = judge_registry({"address": "192.0.2.1:5000", "error": "Connection refused"}, "inactive")
    assert not finding.ok
    assert finding.detail == "Connection refused (docker-registry is inactive)"


def test_a_registry_without_images_fails() -> None:
    assert not judge_registry({"address": "192.0.2.1:5000", "repositories": 0}, "active").ok


def test_a_registry_without_a_configuration_fails() -> None:
    finding = judge_registry({"error": "No such file or directory"}, "failed")
    assert (finding.name, finding.ok) == ("registry", False)
