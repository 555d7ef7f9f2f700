"""The reference of params.yaml: its keys, values and comments, with the types and bounds of the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from docs.generate.markdown import NOTE, code, table
from regmix.params import Params

FILE = Path(__file__).parents[2] / "tests/fixtures/params.yaml"  # the default, whatever params.yaml is switched to
HEAD = """# params.yaml

Every key, with its value in the default profile (`laptop`) and its comment. "paper:" is the value of RegMix or of its
published code. `make repro` checks the file before any work and reports all faults at once. Entries of
`corpus.domains`, `regressors`, `target.methods` and `machine.launcher` have further keys, which belong to the plug-in
that they name: see [Extending](../extending.md).
"""
KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w-]+):(?P<rest>.*)$")
COMMENT = re.compile(r"(?:^|\s)# (.*)$")
LONGEST = 60  # characters of a value


def render() -> str:
    text = FILE.read_text()
    values, notes = yaml.safe_load(text), comments(text)
    schema = Params.model_json_schema()
    parts = [NOTE, HEAD]
    for name, section in schema["properties"].items():
        rows = list(_rows(name, _resolved(section, schema), values[name], notes, schema))
        parts.append(f"## {name}\n\n{table(['key', 'default', 'allowed', 'meaning'], rows)}")
    return "\n".join(parts)


def comments(text: str) -> dict[str, str]:
    """The comment at the end of each key's line, by dotted key."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = KEY.match(line)
        if match is None:
            continue
        depth = len(match["indent"])
        path = [*(part for part in path if part[0] < depth), (depth, match["key"])]
        if comment := COMMENT.search(match["rest"]):
            found[".".join(key for _, key in path)] = comment[1]
    return found


def _rows(
    key: str, schema: Mapping[str, Any], value: Any, notes: Mapping[str, str], root: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    """A row per key; a model is its keys, after a row of its own if its line has a comment."""
    inner = schema.get("properties")
    if inner is None or not isinstance(value, Mapping) or schema.get("additionalProperties") is True:
        yield code(key), _value(value), _allowed(schema, root), notes.get(key, "")
        yield from _of_plug_ins(key, value, notes)
        return
    if key in notes:
        yield code(key), "", "", notes[key]
    for name, one in inner.items():
        yield from _rows(f"{key}.{name}", _resolved(one, root), value.get(name), notes, root)


def _of_plug_ins(key: str, value: Any, notes: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """A row per key below ``key`` with a comment, of which the schema knows nothing."""
    for name, note in notes.items():
        if name.startswith(f"{key}."):
            yield code(name), _value(_at(value, name.removeprefix(f"{key}.")), names=False), "", note


def _at(value: Any, key: str) -> Any:
    """What ``value`` holds at a dotted key; a list's entry has none."""
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _value(value: Any, names: bool = True) -> str:
    """A value as YAML in one line; of a long mapping its names, or nothing."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).strip().removesuffix("\n...")
    if len(text) > LONGEST and isinstance(value, Mapping):
        return ", ".join(map(code, value)) if names else ""
    return code(text)


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    return root["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema


def _allowed(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """The values that a schema allows, in words."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_allowed(one, root) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(map(code, map(str, schema.get("enum", [schema.get("const")]))))
    kind = schema.get("type", "value")
    if kind == "array":
        return f"list of {_allowed(schema.get('items', {}), root)}"
    if kind == "object":
        entries = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        inner = next((one for one in entries if isinstance(one, Mapping)), None)
        kind = _allowed(inner, root) if inner else "mapping"
        return "entries by name" if inner and kind == "mapping" else f"by name: {kind}" if inner else kind
    return {"string": "text", "null": "null", "value": "numbers"}.get(kind) or f"{kind}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    """The bounds that a user may meet, in words."""
    names = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{word} {schema[name]:g}" for name, word in names.items() if abs(schema.get(name, 1e9)) < 1e5]
    return f", {', '.join(bounds)}" if bounds else ""
