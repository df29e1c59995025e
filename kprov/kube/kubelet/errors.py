"""Errors that several parts of the kubelet raise. Events and statuses show their texts."""


class ContainerConfigError(Exception):
    """The container cannot be configured (reason CreateContainerConfigError)."""


class VolumeError(Exception):
    """The volume cannot be set up now (reason FailedMount)."""
