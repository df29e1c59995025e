"""Records in an operation's journal: what a resumed run needs, and the cluster does not show."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kprov.errors import KprovError
from kprov.operations.phases import Memory


@dataclass(frozen=True)
class Progress:
    """The base of the records: a frozen dataclass whose fields have defaults, for an operation or a host.

    To change a record, store a copy: `replace(XProgress.read(memory), done=True).store(memory)`.
    """

    #: Where the record is in the memory. Operations that take over from one another share a memory.
    key: ClassVar[str]
    #: Up to version 0.1.0, each field had a key of its own.
    older_key: ClassVar[str] = "{field}"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def find(cls, memory: Memory, host: str = "") -> Self | None:
        """Return the record, None without one. Raises KprovError if another version of kprov wrote it."""
        value = memory.read(cls._get_key(host))
        if value is None:
            value = cls.read_older(memory, host)
        if value is None:
            return None
        try:
            return TypeAdapter(cls).validate_json(json.dumps(value))
        except ValidationError:
            raise KprovError(
                f"the journal's record of {host or 'the operation'} is not one of this version of kprov: "
                "continue the operation with the version that began it"
            ) from None

    @classmethod
    def read(cls, memory: Memory, host: str = "") -> Self:
        """Return the stored record, or one of defaults. Raises KprovError as `find` does."""
        record = cls.find(memory, host)
        return cls() if record is None else record

    @classmethod
    def read_older(cls, memory: Memory, host: str) -> Any:
        """Return the record as a journal of version 0.1.0 has it, None without one."""
        keys = {field.name: cls.older_key.format(field=field.name, host=host) for field in fields(cls)}
        return {name: value for name, key in keys.items() if (value := memory.read(key)) is not None} or None

    def store(self, memory: Memory, host: str = "") -> None:
        """Store the record. It is on the disk when this returns."""
        memory.store(self._get_key(host), TypeAdapter(type(self)).dump_python(self, mode="json"))

    @classmethod
    def _get_key(cls, host: str) -> str:
        return f"{cls.key} of {host}" if host else cls.key
