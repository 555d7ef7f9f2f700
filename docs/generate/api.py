"""The reference of the public API, from its signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

import regmix
from docs.generate.markdown import NOTE, code, table
from regmix import api
from regmix.public import NAMES

FIELD = re.compile(r"^    (\w+): ([^#=]+?)(?: = [^#]+?)?(?:  # (.*))?$", flags=re.M)


def render() -> str:
    head, example, rest = _about(inspect.getdoc(api) or "")
    parts = [NOTE, f"# Python API\n\n{head}\n", f"```pycon\n{example}\n```\n", rest + "\n"]
    functions = [name for name in NAMES if inspect.isfunction(getattr(regmix, name))]
    parts += [_function(name, getattr(regmix, name)) for name in functions]
    parts += [_class(name, getattr(regmix, name)) for name in NAMES if name not in functions]
    return "\n".join(parts)


def _about(text: str) -> tuple[str, str, str]:
    """The module's docstring: before its example, the example, after it."""
    head, example, rest = text.split("\n\n", 2)
    return head, example, _marked(rest)


def _marked(text: str) -> str:
    """Docstrings mark code with two backticks, Markdown with one, and takes <...> for HTML."""
    return text.replace("``", "`").replace("<", "\\<")


def _function(name: str, function: Any) -> str:
    given = inspect.signature(function)
    lines = [f"    {_short(str(one))}," for one in given.parameters.values()]
    keywords = [i for i, one in enumerate(given.parameters.values()) if one.kind is one.KEYWORD_ONLY]
    if keywords:
        lines.insert(keywords[0], "    *,")
    typed = re.sub(r"'([^']*)'", r"\1", "\n".join(lines))
    returns = str(given.return_annotation).strip("'")
    text = _marked(inspect.getdoc(function) or "")
    return f"## regmix.{name}\n\n```text\n{name}(\n{typed}\n) -> {returns}\n```\n\n{text}\n"


def _short(parameter: str) -> str:
    """A parameter without a default that fills lines."""
    return parameter if len(parameter) < 200 else parameter.split(" = ")[0] + " = ..."


def _class(name: str, one: Any) -> str:
    text = f"## regmix.{name}\n\n{_marked(inspect.getdoc(one) or '')}\n"
    fields = FIELD.findall(inspect.getsource(one).split("    def ")[0])
    rows = [(code(field), code(kind), _marked(about)) for field, kind, about in fields]
    return text + ("\n" + table(["", "type", "meaning"], rows) if rows else "")
