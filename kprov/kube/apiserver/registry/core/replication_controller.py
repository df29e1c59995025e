"""Replication controllers.

Source: upstream pkg/registry/core/replicationcontroller/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.apps.replica_set import ReplicaSetStrategy
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec.workload_validation import find_old_template
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ReplicationControllerStrategy(ReplicaSetStrategy):
    storage_folder = "controllers"
    has_generation = True
    orphan_by_default = True
    has_template = False

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        set_default(spec, "replicas", 1)
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            if not obj["metadata"].get("labels"):
                obj["metadata"]["labels"] = dict(labels)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        self.default(obj)  # an object sent without labels gets those of its template

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """As upstream, an update warns about the old template."""
        if old is None:
            return super().find_warnings(obj, None)
        return self.find_template_warnings(old) if self.repeats_warnings(obj, old) else []

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_replication_controller(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_replication_controller(obj, self.settings, old))


def validate_replication_controller(
    obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None
) -> Errors:
    spec = obj["spec"]
    yield from check_not_negative(spec, "spec", "minReadySeconds")
    wanted, labels = spec.get("selector") or {}, template_validation.read_template_labels(spec)
    if not wanted:
        yield field.required("spec.selector")
    yield from check_not_negative(spec, "spec", "replicas")
    if spec.get("template") is None:
        yield field.required("spec.template")
        return
    if any(labels.get(key) != value for key, value in wanted.items()):
        yield template_validation.make_mismatch_error(spec)
    yield from template_validation.validate_template(
        spec["template"], "spec.template", settings, find_old_template(old)
    )
    yield from template_validation.validate_restart_always(
        spec["template"], "ReplicationController", "spec.template"
    )
