"""A filter of the playbook's own."""


def corpus_shout(text: str, times: int = 1) -> str:
    """The text in capitals with exclamation marks."""
    return text.upper() + "!" * times


class FilterModule:
    """As Ansible loads filters."""

    def filters(self) -> dict[str, object]:
        """Filters by name."""
        return {"corpus_shout": corpus_shout}
