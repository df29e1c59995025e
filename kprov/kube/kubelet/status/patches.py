"""Strategic merge patches of pod statuses."""

from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject

_REMOVABLE: Final = ("reason", "message", "initContainerStatuses", "ephemeralContainerStatuses")


def make_status_patch(api: JsonObject, wanted: JsonObject) -> JsonObject:
    """Return the patch that turns the API's status into `wanted`. Empty if they are equal."""
    patch: JsonObject = {}
    for field, value in wanted.items():
        if field == "conditions":
            if changed := _patch_conditions(api.get(field) or [], value):
                patch[field] = changed
        elif _normalize(api.get(field)) != _normalize(value):
            replaces_list = field in {"podIPs", "hostIPs"} and api.get(field)
            patch[field] = [*value, {"$patch": "replace"}] if replaces_list else value
    for field in _REMOVABLE:
        if api.get(field) and field not in wanted:
            patch[field] = None
    return patch


def _patch_conditions(api: list[JsonObject], wanted: list[JsonObject]) -> list[JsonObject]:
    known = {item["type"]: _drop_zero_values(item) for item in api}
    return [
        # A merge keeps the fields that a condition does not name, so null removes them.
        {"lastProbeTime": None, **dict.fromkeys(known.get(item["type"], {})), **item}
        for item in wanted
        if known.get(item["type"]) != _drop_zero_values(item)
    ]


def _drop_zero_values(condition: JsonObject) -> JsonObject:
    return {key: value for key, value in condition.items() if value not in (None, "", 0)}


def _normalize(value: Any) -> Any:
    """Return the value without nulls, empty texts and empty objects, which the wire leaves out."""
    if isinstance(value, dict):
        return {
            key: cleaned for key, item in value.items() if (cleaned := _normalize(item)) not in (None, {}, "")
        }
    if isinstance(value, list):
        return [_normalize(item) for item in value]
    return value
