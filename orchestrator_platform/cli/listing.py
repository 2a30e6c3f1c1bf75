"""How a group lists its commands in --help: each with its whole first sentence, and in sections where it has some."""

from collections.abc import Mapping, Sequence

import click

_ANY_LENGTH = 10_000


class Listing(click.Group):
    """A group whose `sections` name its commands by what they are for; without any, all stand in one list."""

    sections: Mapping[str, Sequence[str]] = {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in (self.sections or {"Commands": self.list_commands(ctx)}).items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(_ANY_LENGTH)) for name, command in found if command is not None]
            with formatter.section(title):
                formatter.write_dl(rows)
