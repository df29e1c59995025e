"""Protobuf messages that stand for object types in CEL, because the library checks fields of messages only.

A type is text: `string`, `int`, `double`, `bool`, `bytes`, `timestamp`, `dyn`, `list(TYPE)`,
`map(TYPE)` (keys are strings), or the full name of a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2, timestamp_pb2

#: Fields of a message by name, with the text of their types.
Fields = Mapping[str, str]

_FieldProto = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _FieldProto.TYPE_STRING,
    "int": _FieldProto.TYPE_INT64,
    "double": _FieldProto.TYPE_DOUBLE,
    "bool": _FieldProto.TYPE_BOOL,
    "bytes": _FieldProto.TYPE_BYTES,
}
_WELL_KNOWN: Final = {"timestamp": "google.protobuf.Timestamp", "dyn": "google.protobuf.Value"}
_IMPORTS: Final = (struct_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR)
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def build_pool(*groups: Mapping[str, Fields]) -> descriptor_pool.DescriptorPool:
    """Build a pool of messages by full name. Messages may refer to their own group and to earlier ones."""
    pool = descriptor_pool.DescriptorPool()
    names = []
    for descriptor in _IMPORTS:
        file = descriptor_pb2.FileDescriptorProto()
        descriptor.CopyToProto(file)
        pool.Add(file)
        names.append(file.name)
    for index, group in enumerate(groups):
        for package in dict.fromkeys(name.rpartition(".")[0] for name in group):
            file = descriptor_pb2.FileDescriptorProto(
                name=f"cel/{index}/{package}.proto", package=package, syntax="proto3", dependency=names
            )
            for name, fields in group.items():
                if name.rpartition(".")[0] == package:
                    _add_message(file, name.rpartition(".")[2], fields)
            pool.Add(file)
            names = [*names, file.name]
    return pool


def _add_message(file: descriptor_pb2.FileDescriptorProto, name: str, fields: Fields) -> None:
    message = file.message_type.add(name=name)
    prefix = f"{file.package}.{name}"
    for number, (field, kind) in enumerate(fields.items(), 1):
        # CEL has no syntax for other names.
        if _NAME.fullmatch(field) is not None:
            _add_field(message, prefix, field, kind, number)


def _add_field(
    message: descriptor_pb2.DescriptorProto, prefix: str, name: str, kind: str, number: int
) -> None:
    field = message.field.add(name=name, json_name=name, number=number, label=_FieldProto.LABEL_OPTIONAL)
    if kind.startswith("list("):
        field.label = _FieldProto.LABEL_REPEATED
        _set_type(field, kind[5:-1])
    elif kind.startswith("map("):
        field.label = _FieldProto.LABEL_REPEATED
        field.type = _FieldProto.TYPE_MESSAGE
        entry_name = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Entry"
        field.type_name = f".{prefix}.{entry_name}"
        entry = message.nested_type.add(name=entry_name)
        entry.options.CopyFrom(descriptor_pb2.MessageOptions(map_entry=True))
        _set_type(entry.field.add(name="key", number=1, label=_FieldProto.LABEL_OPTIONAL), "string")
        _set_type(entry.field.add(name="value", number=2, label=_FieldProto.LABEL_OPTIONAL), kind[4:-1])
    else:
        _set_type(field, kind)


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        field.type = scalar
        return
    # A message cannot express a list of lists and the like.
    name = _WELL_KNOWN.get(kind) or (kind if "(" not in kind else _WELL_KNOWN["dyn"])
    field.type = _FieldProto.TYPE_MESSAGE
    field.type_name = f".{name}"
