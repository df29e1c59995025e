"""Groups a command's options in its plain-text help by `rich_help_panel`."""

from __future__ import annotations

from typing import Any

from kprov.cli.options.operator_paths import AbsolutePathsCommand


class SectionedCommand(AbsolutePathsCommand):
    """A command whose help has arguments, options, and a section for each panel."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections in the order of their first options."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = getattr(parameter, "rich_help_panel", None) or kind
            if record is not None:
                sections.setdefault(panel, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
