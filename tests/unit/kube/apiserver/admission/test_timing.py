"""How long admission took, as histograms of phases and plugins."""

from __future__ import annotations

from kprov.kube.apiserver.admission.timing import AdmissionMetrics


def samples(timing: AdmissionMetrics) -> dict[tuple[str, ...], float]:
    return {
        (
            sample.name.removeprefix("apiserver_admission_").partition("_duration")[0],
            *(sample.labels.get(label, "") for label in ("name", "type", "operation", "rejected")),
        ): sample.value
        for metric in timing.collect()
        for sample in metric.samples
        if sample.name.endswith("_count")
    }


def test_a_phase_and_its_plugins_are_counted_each() -> None:
    timing = AdmissionMetrics()
    for _ in range(2):
        clock = timing.begin("admit", "CREATE")
        clock.record_plugin("Priority")
        clock.record_plugin("LimitRanger")
        clock.record_phase()
    assert samples(timing) == {
        ("controller_admission", "Priority", "admit", "CREATE", "false"): 2,
        ("controller_admission", "LimitRanger", "admit", "CREATE", "false"): 2,
        ("step_admission", "", "admit", "CREATE", "false"): 2,
    }


def test_a_refusal_counts_for_who_refused_and_for_the_phase() -> None:
    timing = AdmissionMetrics()
    clock = timing.begin("validate", "UPDATE")
    clock.record_plugin("PodSecurity")
    clock.record_rejection("ResourceQuota")
    assert samples(timing) == {
        ("controller_admission", "PodSecurity", "validate", "UPDATE", "false"): 1,
        ("controller_admission", "ResourceQuota", "validate", "UPDATE", "true"): 1,
        ("step_admission", "", "validate", "UPDATE", "true"): 1,
    }
