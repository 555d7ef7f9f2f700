"""The reference of the command `regmix`, from its own help."""

from __future__ import annotations

from typing import Any

import typer

from docs.generate.markdown import NOTE, code, table
from regmix.cli.main import app

HEAD = """# The regmix command

`regmix COMMAND --help` prints the same. [Your own runs](../own-runs.md) shows the commands at work. Every command
exits with 1 and one line per fault on bad input, and with 2 on a wrong option.
"""


def render() -> str:
    group: Any = typer.main.get_command(app)
    return "\n".join([NOTE, HEAD, *(_section(name, one) for name, one in group.commands.items())])


def _section(name: str, command: Any) -> str:
    lead, *rest = command.help.strip().split("\n\n")
    options = [one for one in command.params if one.opts[0].startswith("-") and one.name != "help"]
    arguments = [one for one in command.params if not one.opts[0].startswith("-")]
    shown = [_argument(one) for one in arguments]
    usage = f"regmix {name} {' '.join(shown)} [OPTIONS]"
    rows = [(code(word), one.help or "", "") for word, one in zip(shown, arguments, strict=True)]
    rows += [(code(_option(one)), one.help or "", _default(one)) for one in options]
    about = [" ".join(part.split()) for part in (lead, *rest)]
    return "\n".join([f"## regmix {name}\n", *(f"{part}\n" for part in about), f"```text\n{usage}\n```\n",
                      table(["", "meaning", "default"], rows)])  # fmt: skip


def _argument(one: Any) -> str:
    word = (one.metavar or one.name).upper() if "[" not in (one.metavar or "") else one.metavar
    return word if one.required else f"[{word}]"


def _option(one: Any) -> str:
    """Its longest name and what it takes."""
    takes = "" if one.is_flag else one.metavar or one.opts[0].strip("-").split("-")[-1].upper()
    return f"{max(one.opts, key=len)} {takes}".strip()


def _default(one: Any) -> str:
    if one.required:
        return "required"
    given = one.default
    return "" if given is None or given is False or callable(given) or given == [] else code(str(given))
