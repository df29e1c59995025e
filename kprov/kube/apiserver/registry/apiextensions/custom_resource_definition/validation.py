"""The rules of a definition. An update does not break on what was stored before a rule.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from kprov.kube.apiserver.registry.admissionregistration.webhook_client import validate_client_config
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import (
    default_rules,
    expression_rules,
    schema_rules,
    selectable_fields,
    structural_rules,
    version_fields,
)
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.internal_form import (
    build_internal_spec,
    list_schemas,
)
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_rules import Requirements
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import (
    SchemaPath,
    iterate_schemas,
)
from kprov.kube.apiserver.registry.generic.checks import Errors, check_required_enum, require_fields
from kprov.kube.machinery import field, names, status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import SchemaError, Structural, compile_schema

APPROVED: Final = "api-approved.kubernetes.io"
_REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_SEE: Final = "see https://github.com/kubernetes/enhancements/pull/1111"
#: Of a schema's root, if the status is a subresource: by keyword, upstream's name in the message.
_ROOT_FIELDS: Final = {
    "description": "Description", "type": "Type", "format": "Format", "title": "Title",
    "maximum": "Maximum", "exclusiveMaximum": "ExclusiveMaximum", "minimum": "Minimum",
    "exclusiveMinimum": "ExclusiveMinimum", "maxLength": "MaxLength", "minLength": "MinLength",
    "pattern": "Pattern", "maxItems": "MaxItems", "minItems": "MinItems", "uniqueItems": "UniqueItems",
    "multipleOf": "MultipleOf", "required": "Required", "items": "Items", "properties": "Properties",
    "externalDocs": "ExternalDocs", "example": "Example",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
    "x-kubernetes-validations": "XValidations",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Checks:
    """Which rules apply to a definition.

    structure: schemas are structural. pruned_defaults: defaults have no unknown fields. known_expressions: of
    the stored definition. many_fields: names of versions that keep too many selectable fields, "" for all.
    """

    requirements: Requirements
    structure: bool = True
    schema: bool = True
    review_version: bool = True
    pruned_defaults: bool = True
    known_expressions: frozenset[str] = frozenset()
    many_fields: frozenset[str] = frozenset()


def validate(obj: JsonObject) -> list[FieldError]:
    """Return the broken rules of a new definition."""
    return [
        *_check_name(obj),
        *_check_definition(obj, _Checks(Requirements())),
        *_check_approval(obj, None),
        *_check_preserved_fields(obj["spec"], None),
    ]


def validate_update(obj: JsonObject, old: JsonObject) -> list[FieldError]:
    """Return the broken rules of a changed definition."""
    old_spec = build_internal_spec(old["spec"])
    checks = replace(_find_checks(old_spec), many_fields=_find_many_fields(obj["spec"], old["spec"]))
    errors = [*_check_definition(obj, checks)]
    new_names, old_names = obj["spec"]["names"], old["spec"]["names"]
    fixed = [("spec.group", obj["spec"].get("group"), old["spec"].get("group"))]
    fixed.append(("spec.names.plural", new_names.get("plural"), old_names.get("plural")))
    if _is_established(old):
        fixed.append(("spec.scope", obj["spec"].get("scope"), old["spec"].get("scope")))
        fixed.append(("spec.names.kind", new_names.get("kind"), old_names.get("kind")))
    errors += [
        field.invalid(path, value, "field is immutable") for path, value, before in fixed if value != before
    ]
    errors += _check_approval(obj, old)
    return [*errors, *_check_preserved_fields(obj["spec"], old["spec"])]


def check_names(held: JsonObject, path: str) -> Errors:
    """Check spec.names or status.acceptedNames, where some names may be empty."""
    for part in ("plural", "singular", "kind", "listKind"):
        text = held.get(part) or ""
        is_kind = part in {"kind", "listKind"}
        faults = names.is_dns1035_label(text.lower() if is_kind else text) if text else []
        if faults:
            about = "may have mixed case, but should otherwise match: " if is_kind else ""
            yield field.invalid(f"{path}.{part}", text, about + ",".join(faults))
    yield from _check_labels(held.get("shortNames"), f"{path}.shortNames")
    if held.get("kind") and held.get("kind") == held.get("listKind"):
        text = "kind and listKind may not be the same"
        yield field.invalid(f"{path}.listKind", held["listKind"], text)
    yield from _check_labels(held.get("categories"), f"{path}.categories")


def _check_labels(values: Sequence[str] | None, path: str) -> Errors:
    for index, value in enumerate(values or ()):
        if faults := names.is_dns1035_label(value):
            yield field.invalid(f"{path}[{index}]", value, ",".join(faults))


def _is_established(obj: JsonObject) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(held.get("type") == "Established" and held.get("status") == "True" for held in conditions)


def _find_checks(old: JsonObject) -> _Checks:
    """Return the rules that a stored spec does not break."""
    schemas = list_schemas(old)

    def breaks(test: Callable[[JsonObject], bool]) -> bool:
        return any(test(part) for schema in schemas for part in iterate_schemas(schema))

    reviews = ((old.get("conversion") or {}).get("webhook") or {}).get("conversionReviewVersions") or ()
    return _Checks(
        Requirements(
            types=not breaks(schema_rules.has_invalid_type),
            atomic_sets=not breaks(schema_rules.has_set_of_non_atomic),
            map_keys=not breaks(schema_rules.has_invalid_map_keys),
        ),
        structure=all(map(structural_rules.is_structural, schemas)),
        schema="validation" in old or all("schema" in version for version in old["versions"]),
        review_version=not reviews or any(version in _REVIEW_VERSIONS for version in reviews),
        pruned_defaults=not any(map(_has_unpruned_defaults, schemas)),
        known_expressions=frozenset(
            text for schema in schemas for part in iterate_schemas(schema) for text in _list_expressions(part)
        ),
    )


def _list_expressions(schema: JsonObject) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations") or ():
        yield rule.get("rule") or ""
        yield rule.get("messageExpression") or ""


def _has_unpruned_defaults(schema: JsonObject) -> bool:
    """Whether a default of a structural schema has fields that the schema does not have."""
    if all(part.get("default") is None for part in iterate_schemas(schema)):
        return False
    if not structural_rules.is_structural(schema):
        return False
    try:
        return default_rules.has_unknown_fields(compile_schema(schema))
    except SchemaError:
        return False


def _find_many_fields(spec: JsonObject, old: JsonObject) -> frozenset[str]:
    """Return the names of versions that keep more selectable fields than allowed, "" for what all share."""
    versions = old.get("versions") or ()
    stored = {version.get("name"): version.get("selectableFields") or [] for version in versions}
    kept = {
        version.get("name", "")
        for version in spec.get("versions") or ()
        if len(stored.get(version.get("name"), ())) > selectable_fields.MOST_FIELDS
        and stored[version.get("name")] == version.get("selectableFields")
    }
    return frozenset(kept | {""} if len(kept) == len(spec.get("versions") or ()) else kept)


def _check_name(obj: JsonObject) -> Errors:
    name, spec = obj["metadata"].get("name", ""), obj["spec"]
    if name != f"{spec['names'].get('plural', '')}.{spec.get('group', '')}":
        yield field.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')


def _check_definition(obj: JsonObject, checks: _Checks) -> Errors:
    spec = build_internal_spec(obj["spec"])
    if not spec.get("preserveUnknownFields"):
        # Pruning needs structural schemas, whatever was stored before.
        checks = replace(checks, structure=True)
    group = spec.get("group", "")
    if not group:
        yield field.required("spec.group")
    elif faults := names.is_dns1123_subdomain(group):
        yield field.invalid("spec.group", group, ",".join(faults))
    elif "." not in group:
        yield field.invalid("spec.group", group, "should be a domain with at least one dot")
    yield from check_required_enum(spec.get("scope"), "spec.scope", ["Cluster", "Namespaced"])
    yield from _check_versions(spec, checks)
    yield from require_fields(spec["names"], "spec.names", "plural", "singular", "kind", "listKind")
    yield from check_names(spec["names"], "spec.names")
    has_status = any("status" in (holder.get("subresources") or {}) for holder in (spec, *spec["versions"]))
    if spec.get("validation") is not None:
        yield from _check_schema(spec["validation"], "spec.validation", checks, has_status=has_status)
    yield from version_fields.check_fields(spec, "spec")
    if spec.get("selectableFields"):
        # Upstream refuses equal fields of versions with different schemas, which is of no use to anybody.
        holders = (
            [spec["validation"]]
            if spec.get("validation")
            else [version.get("schema") for version in spec["versions"]]
        )
        for holder in holders or [None]:
            schema, allow_many = (holder or {}).get("openAPIV3Schema"), "" in checks.many_fields
            yield from _check_selectable(spec["selectableFields"], schema, "spec", allow_many=allow_many)
    yield from _check_conversion(spec.get("conversion") or {}, checks)
    yield from _check_stored_versions(obj)


def _check_versions(spec: JsonObject, checks: _Checks) -> Errors:
    versions: list[JsonObject] = spec["versions"]
    if checks.schema and not (spec.get("validation") or {}).get("openAPIV3Schema"):
        for index, version in enumerate(versions):
            if not (version.get("schema") or {}).get("openAPIV3Schema"):
                # The text is of the check of v1, before the conversion to the internal form.
                path = f"spec.versions[{index}].schema.openAPIV3Schema"
                yield field.required(path, "schemas are required")
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        if faults := names.is_dns1035_label(version.get("name", "")):
            yield field.invalid(f"{path}.name", version.get("name", ""), ",".join(faults))
        yield from version_fields.check_deprecation(version, path)
        subresources = version.get("subresources") or spec.get("subresources") or {}
        if version.get("schema") is not None:
            yield from _check_schema(
                version["schema"], f"{path}.schema", checks, has_status="status" in subresources
            )
        yield from version_fields.check_fields(version, path)
        if version.get("selectableFields"):
            holder = version.get("schema") or spec.get("validation") or {}
            allow_many = version.get("name") in checks.many_fields
            yield from _check_selectable(
                version["selectableFields"], holder.get("openAPIV3Schema"), path, allow_many=allow_many
            )
    if len({version.get("name") for version in versions}) != len(versions):
        yield field.invalid("spec.versions", versions, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        yield field.invalid("spec.versions", versions, text)


def _check_schema(holder: JsonObject, path: str, checks: _Checks, *, has_status: bool) -> Errors:
    schema, path = holder.get("openAPIV3Schema"), f"{path}.openAPIV3Schema"
    where = SchemaPath(path)
    if schema is None:
        return
    errors: list[FieldError] = []
    if has_status:
        errors += _check_root(schema, path)
    if schema.get("nullable"):
        errors.append(field.forbidden(f"{path}.nullable", "nullable cannot be true at the root"))
    problem, compiled = "", None
    if checks.structure or _needs_structure(schema):
        problem = structural_rules.explain_unsupported(schema)
        if not problem:
            problems = structural_rules.find_errors(schema, where)
            if not problems:
                compiled, problems = _compile(schema, where, checks)
            errors += problems
    errors += islice(
        schema_rules.find_errors(schema, where, checks.requirements), structural_rules.MOST_ERRORS
    )
    if compiled is not None and not errors:
        known = checks.known_expressions
        errors += islice(expression_rules.find_errors(compiled, where, known), structural_rules.MOST_ERRORS)
    if problem and not errors:
        errors.append(field.invalid(path, "", problem))
    yield from errors


def _compile(
    schema: JsonObject, where: SchemaPath, checks: _Checks
) -> tuple[Structural | None, list[FieldError]]:
    """Return the compiled schema and the errors of its defaults, or None and why it cannot be compiled."""
    try:
        compiled = compile_schema(schema)
    except SchemaError as error:
        return None, [field.invalid(str(where), "", str(error))]
    errors = default_rules.find_errors(compiled, where, pruned=checks.pruned_defaults)
    return compiled, [*islice(errors, structural_rules.MOST_ERRORS)]


def _check_selectable(
    fields: Sequence[JsonObject], schema: JsonObject | None, path: str, *, allow_many: bool
) -> Errors:
    path = f"{path}.selectableFields"
    if schema is None:
        yield field.invalid(path, "", "may only be set when validations.schema is included")
        return
    with suppress(SchemaError):  # an error of the schema
        compiled = compile_schema(schema)
        yield from selectable_fields.check_selectable_fields(fields, compiled, path, allow_many=allow_many)


def _needs_structure(schema: JsonObject) -> bool:
    """Whether something in the schema works with structural schemas only."""
    return any(
        part.get("default") is not None or any(held and name.startswith("x-") for name, held in part.items())
        for part in iterate_schemas(schema)
    )


def _check_root(schema: JsonObject, path: str) -> Errors:
    """Check that the schema of the status can be taken out of the root."""
    for name, held in schema.items():
        if not held:
            continue
        if name == "type" and held != "object":
            text = 'only "object" is allowed as the type at the root of the schema if the status subresource '
            yield field.invalid(f"{path}.type", held, f"{text}is enabled")
            return
        if name not in _ROOT_FIELDS:
            allowed = " ".join(_ROOT_FIELDS.values())
            text = f"only [{allowed}] fields are allowed at the root of the schema if the status subresource "
            yield field.invalid(path, schema, f"{text}is enabled")
            return


def _check_conversion(conversion: JsonObject, checks: _Checks) -> Errors:
    path = "spec.conversion"
    yield from check_required_enum(conversion.get("strategy"), f"{path}.strategy", ["None", "Webhook"])
    webhook = conversion.get("webhook") or {}
    client, reviews = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or []
    if conversion.get("strategy") == "Webhook":
        if client is None:
            text = "required when strategy is set to Webhook"
            yield field.required(f"{path}.webhookClientConfig", text)
        else:
            yield from validate_client_config(client, f"{path}.webhookClientConfig")
        yield from _check_review_versions(reviews, f"{path}.conversionReviewVersions", checks)
        return
    text = "should not be set when strategy is not set to Webhook"
    if client is not None:
        yield field.forbidden(f"{path}.webhookClientConfig", text)
    if reviews:
        yield field.forbidden(f"{path}.conversionReviewVersions", text)


def _check_review_versions(reviews: Sequence[str], path: str, checks: _Checks) -> Errors:
    if not reviews:
        yield field.required(path)
        return
    seen: set[str] = set()
    for index, version in enumerate(reviews):
        if version in seen:
            yield field.invalid(f"{path}[{index}]", version, "duplicate version")
            continue
        seen.add(version)
        for fault in names.is_dns1035_label(version):
            yield field.invalid(f"{path}[{index}]", version, fault)
    if checks.review_version and not seen.intersection(_REVIEW_VERSIONS):
        yield field.invalid(path, reviews, f"must include at least one of {', '.join(_REVIEW_VERSIONS)}")


def _check_stored_versions(obj: JsonObject) -> Errors:
    path = "status.storedVersions"
    if "status" not in obj:
        return
    stored: list[str] = obj["status"].get("storedVersions") or []
    if not stored:
        yield field.invalid(path, None, "must have at least one stored version")
        return
    versions = obj["spec"].get("versions") or ()
    for version in versions:
        if version.get("storage") and version.get("name") not in stored:
            yield field.invalid(path, stored, f"must have the storage version {version.get('name')}")
    known = {version.get("name") for version in versions}
    for index, name in enumerate(stored):
        if name not in known:
            text = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and "
                f"removes {name} from status.storedVersions"
            )
            yield field.invalid(f"{path}[{index}]", name, text)


def _check_preserved_fields(spec: JsonObject, old: JsonObject | None) -> Errors:
    if spec.get("preserveUnknownFields") and not (old or {}).get("preserveUnknownFields"):
        text = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
        yield field.invalid("spec.preserveUnknownFields", True, f"{text}spec.versions[*].schema instead")


def describe_approval(obj: JsonObject) -> tuple[str, str, str] | None:
    """Return status, reason and message of the condition KubernetesAPIApprovalPolicyConformant.

    None for a group that needs no approval.
    """
    if not _is_protected(obj["spec"].get("group", "")):
        return None
    text = _read_approval(obj)
    named = f"protected groups must have approval annotation {status.quoted(APPROVED)}"
    about = 'with either a URL or a reason starting with "unapproved"'
    return {
        "missing": ("False", "MissingAnnotation", f"{named}, {_SEE}"),
        "bypassed": ("False", "UnapprovedAnnotation", f"not approved: {status.quoted(text)}"),
        "approved": ("True", "ApprovedAnnotation", f"approved in {text}"),
        "invalid": ("False", "InvalidAnnotation", f"{named} {about}, {_SEE}"),
    }[_classify_approval(text)]


def _is_protected(group: str) -> bool:
    return f".{group}".endswith((".k8s.io", ".kubernetes.io"))


def _check_approval(obj: JsonObject, old: JsonObject | None) -> Errors:
    """Check the annotation that groups of Kubernetes need."""
    if not _is_protected(obj["spec"].get("group", "")):
        return
    text = _read_approval(obj)
    if old is not None and _classify_approval(text) == _classify_approval(_read_approval(old)):
        return
    state, path = _classify_approval(text), f"metadata.annotations[{APPROVED}]"
    named = f"protected groups must have approval annotation {status.quoted(APPROVED)}"
    if state == "missing":
        yield field.required(path, f"{named}, {_SEE}")
    elif state == "invalid":
        about = 'with either a URL or a reason starting with "unapproved"'
        yield field.invalid(path, text, f"{named} {about}, {_SEE}")


def _read_approval(obj: JsonObject) -> str:
    return (obj["metadata"].get("annotations") or {}).get(APPROVED) or ""


def _classify_approval(text: str) -> str:
    if not text:
        return "missing"
    if text.startswith("unapproved"):
        return "bypassed"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "invalid"
    return "approved" if parts.scheme and parts.netloc else "invalid"
