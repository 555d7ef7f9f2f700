"""The command ``regmix``: recommend a mixture from runs trained anywhere, and write it for a trainer.

It needs no clone and no params.yaml. Each command is also a function: recommend, propose and tournament of regmix.api,
``read_runs`` and ``export`` of regmix.exchange.
"""

from __future__ import annotations

import sys

import typer

from regmix.cli.commands import compare, export, init, propose, recommend, tournament
from regmix.core.errors import InputError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
    help="Choose the data mixture for language-model pre-training by regression.",
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
app.command("recommend")(recommend.command)
app.command("propose")(propose.command)
app.command("compare")(compare.command)
app.command("tournament")(tournament.command)
app.command("export")(export.command)
app.command("init")(init.command)


def main() -> None:
    """Run the command. Exits 1 on bad input, with a line per fault, and 2 on a wrong option."""
    try:
        app()
    except InputError as error:
        sys.exit("\n".join(f"error: {line}" for line in error.lines))
    except OSError as error:
        sys.exit(f"error: {error.filename or 'disk'}: {error.strerror}; correct it and run again")
