"""The scheduler's configuration file: what the role writes is what the scheduler reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kprov.contract.scheduler.extenders import list_ignored_resources
from kprov.contract.scheduler.plugin_sets import expand_point
from kprov.kube.scheduler.configuration.document import Configuration, load
from tests.unit.roles.rendering import render_template


def read(folder: Path, **variables: Any) -> Configuration:
    text = render_template(folder, "kube_scheduler", "scheduler-config.yaml.j2", ["a"], variables)
    path = folder / "scheduler-config.yaml"
    path.write_text(text)
    return load(str(path))


def test_without_profiles_the_default_scheduler_runs(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.client_connection.kubeconfig == "/etc/kubernetes/scheduler.conf"
    assert [profile.scheduler_name for profile in found.profiles] == ["default-scheduler"]


def test_profiles_of_the_inventory_reach_the_scheduler(tmp_path: Path) -> None:
    profiles = [
        {"schedulerName": "default-scheduler"},
        {
            "schedulerName": "packing",
            "plugins": {"score": {"enabled": [{"name": "ImageLocality", "weight": 9}]}},
            "pluginConfig": [
                {"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated"}}}
            ],
        },
    ]
    found = read(tmp_path, kube_scheduler_profiles=profiles)
    assert [profile.scheduler_name for profile in found.profiles] == ["default-scheduler", "packing"]
    first = expand_point(found.profiles[1].plugins, "score")[0]
    assert (first.name, first.weight) == ("ImageLocality", 9)


def test_extenders_of_the_inventory_reach_the_scheduler(tmp_path: Path) -> None:
    extenders = [
        {
            "urlPrefix": "https://gpus.example.com/scheduler",
            "filterVerb": "filter",
            "enableHTTPS": True,
            "tlsConfig": {"caFile": "/etc/kubernetes/gpus.crt"},
            "managedResources": [{"name": "example.com/gpu", "ignoredByScheduler": True}],
        }
    ]
    profiles = [{"schedulerName": "packing"}]
    found = read(tmp_path, kube_scheduler_extenders=extenders, kube_scheduler_profiles=profiles)
    assert [profile.scheduler_name for profile in found.profiles] == ["packing"]
    assert list_ignored_resources(found.extenders) == ["example.com/gpu"]
    assert found.extenders[0].tls_config is not None
    assert found.extenders[0].tls_config.ca_file == "/etc/kubernetes/gpus.crt"
