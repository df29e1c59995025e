"""pods/binding and bindings: assign a pod to a node.

Source: upstream pkg/registry/core/pod/storage/storage.go (BindingREST).
"""

from __future__ import annotations

from dataclasses import replace

from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.apiserver.registry.core.pod.strategy import PodStrategy
from kprov.kube.apiserver.registry.generic import metadata
from kprov.kube.apiserver.registry.generic.metadata import describe_failed_precondition
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.subresources.call import Call, Reply
from kprov.kube.apiserver.subresources.conditions import set_condition
from kprov.kube.machinery import field, status
from kprov.kube.machinery.json_object import JsonObject


async def bind(call: Call) -> Reply:
    """Handle POST of a Binding; reply with a Status."""
    binding = await call.read_object()
    name = binding["metadata"].get("name", "")
    if call.name and name != call.name:
        raise status.bad_request("name in URL does not match name in Binding object")
    metadata.check_namespace(binding["metadata"].get("namespace"), call.namespace)
    if not call.context.info.subresource:
        # A created binding must not have a resourceVersion; the subresource takes it as a precondition.
        binding["metadata"].pop("uid", None)
    errors = validate(binding)
    if errors:
        # Upstream's handler returns these errors without a Status, which becomes a 500.
        raise status.bad_request(_join_errors(errors))
    attributes = Attributes(
        context=call.context,
        operation="CREATE",
        resource=call.resource,
        subresource=call.context.info.subresource,
        namespace=call.namespace,
        name=name,
        obj=binding,
        old=None,
        options={},
    )
    await call.admission.admit(attributes)
    await call.admission.validate(attributes)
    if not call.namespace:
        raise metadata.make_missing_namespace_error()
    if not name:
        raise status.bad_request("Name parameter required.")
    # As upstream, spec.nodeName gets no owner in managedFields.
    context = replace(call.context, applied=True)
    await call.registry.store("", "pods").update(
        context,
        call.namespace,
        name,
        lambda pod: assign_node(pod or {}, binding, dry_run=context.dry_run),
        subresource="binding",
        admit=False,
        strategy=_Binding(call.registry.store("", "pods").resource),
    )
    return Reply(status.success(code=201), 201)


def validate(binding: JsonObject) -> list[field.FieldError]:
    target = binding.get("target") or {}
    errors = []
    if target.get("kind") not in {None, "", "Node"}:
        errors.append(field.not_supported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        errors.append(field.required("target.name"))
    return errors


def _join_errors(errors: list[field.FieldError]) -> str:
    texts = list(dict.fromkeys(f"{error.field}: {error.message}" for error in errors))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def assign_node(pod: JsonObject, binding: JsonObject, *, dry_run: bool = False) -> JsonObject:
    """Set the node of a pod. Raise Conflict for a bound, deleted, gated or other pod."""
    held, spec, wanted = pod["metadata"], pod["spec"], binding["metadata"]
    name = held["name"]
    for key, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if wanted.get(key) and wanted[key] != held.get(key):
            place = metadata.format_key(f"/registry/pods/{held.get('namespace', '')}/{name}", dry_run=dry_run)
            text = describe_failed_precondition(place, label, wanted[key], held.get(key, ""))
            raise status.conflict("pods", name, text)
    if held.get("deletionTimestamp"):
        raise _conflict(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise _conflict(name, f"pod {name} is already assigned to node {status.quoted(spec['nodeName'])}")
    if spec.get("schedulingGates"):
        raise _conflict(name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = binding["target"]["name"]
    pod.setdefault("status", {}).pop("nominatedNodeName", None)
    for part in ("annotations", "labels"):
        if wanted.get(part):
            held[part] = (held.get(part) or {}) | wanted[part]
    set_condition(pod["status"], {"type": "PodScheduled", "status": "True"})
    return pod


def _conflict(name: str, text: str) -> status.StatusError:
    return status.conflict("pods/binding", name, text)


class _Binding(PodStrategy):
    """Stores the result of assign_node without further changes or validation."""

    validates_metadata = False

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """Keep all changes and metadata.generation."""

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[field.FieldError]:
        return []
