"""A filter of a collection."""


class FilterModule:
    """As Ansible loads filters."""

    def filters(self) -> dict[str, object]:
        """Filters by name."""
        return {"loud": str.upper}
