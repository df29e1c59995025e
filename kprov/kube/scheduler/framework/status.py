"""What a plugin answers at an extension point (upstream's framework.Status)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Code(Enum):
    """Kinds of answers under upstream's names, which metrics have as labels."""

    SUCCESS = "Success"
    #: Unexpected: the pod is tried again after a backoff, whatever happens in the cluster.
    ERROR = "Error"
    #: The pod does not fit now. Preemption may help.
    UNSCHEDULABLE = "Unschedulable"
    #: The pod does not fit, and preemption does not help.
    UNSCHEDULABLE_AND_UNRESOLVABLE = "UnschedulableAndUnresolvable"
    #: Of Permit: the pod is bound when the plugin allows it.
    WAIT = "Wait"
    #: Of PreFilter: the plugin's filter has nothing to check. Of Bind: another plugin binds the pod.
    SKIP = "Skip"
    #: The pod waits for an event of this plugin, and is tried without a backoff then.
    PENDING = "Pending"


_REJECTIONS: Final = frozenset({Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE, Code.PENDING})


@dataclass(frozen=True, slots=True)
class Status:
    """An answer. `plugin`: the plugin that answered, set by the framework.

    `seconds`: how long WAIT waits.
    """

    code: Code = Code.SUCCESS
    message: str = ""
    plugin: str = ""
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        return self.code is Code.SUCCESS

    @property
    def is_rejected(self) -> bool:
        """Whether the pod does not fit, in contrast to an error."""
        return self.code in _REJECTIONS


SUCCESS: Final = Status()
SKIP: Final = Status(Code.SKIP)


def reject(message: str, *, resolvable: bool = False) -> Status:
    """Return a rejection. `resolvable`: whether preemption may help."""
    return Status(Code.UNSCHEDULABLE if resolvable else Code.UNSCHEDULABLE_AND_UNRESOLVABLE, message)
