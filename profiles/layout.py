"""params.yaml through ruamel.yaml: read it, put a value at a key, write it in the layout of `dvc exp run -S`.

Comments stay. ruamel.yaml attaches the comments between two keys to the last line of the first key's value. They
belong to what follows, so they are detached before the value is replaced.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from regmix.core.files import parse_yaml

COLUMN = 31  # of comments after values; after longer values they follow one space


def parse(text: str, where: str | Path = "params.yaml") -> Any:
    """The document that ``text`` holds; ``where`` names its file. Raises InputError if it is not YAML."""
    return parse_yaml(text, where, "rt")


def dump(document: Any, *, compact: bool = False) -> str:
    """As text, in the layout that DVC writes: list items on separate lines, except within braces.

    ``compact``: lists in brackets instead, for files that DVC does not write.
    """
    _lay_out(document, compact)
    yaml, out = YAML(), io.StringIO()
    if compact:
        yaml.width = 120
    yaml.dump(document, out)
    return out.getvalue()


def get(document: Any, key: str) -> Any:
    """The value at a dotted key. Raises KeyError."""
    for part in key.split("."):
        if not isinstance(document, Mapping):
            raise KeyError(key)
        document = document[part]
    return document


def put(parent: CommentedMap | CommentedSeq, key: Any, value: Any) -> None:
    """Replace the value at ``key``; the comment on the key's line and the lines that follow the value stay."""
    after = _take_after(parent, key)
    if slots := parent.ca.items.get(key):  # an empty list in a slot, as lists leave it, breaks values on one line
        parent.ca.items[key] = [slot or None for slot in slots]
    parent[key] = _own(value)
    if hasattr(parent[key], "ca"):
        parent[key].ca.comment = None
    _take_after(parent, key)
    if after:
        node, last = _last(parent, key)
        place = _place(node)
        slots = node.ca.items.setdefault(last, [None] * 4)
        if slots[place] is None:
            slots[place] = CommentToken("\n", CommentMark(0), None)
        slots[place].value += after


def _lay_out(node: Any, compact: bool) -> None:
    if not isinstance(node, CommentedMap | CommentedSeq) or _braced(node):
        return
    for key, value in list(node.items() if isinstance(node, CommentedMap) else enumerate(node)):
        commented = isinstance(value, CommentedSeq) and any(any(slots) for slots in value.ca.items.values())
        if isinstance(value, CommentedSeq) and value and _braced(value) != compact and not commented:
            put(node, key, list(value))
            (node[key].fa.set_flow_style if compact else node[key].fa.set_block_style)()
        comment = (node.ca.items.get(key) or [None] * 4)[_place(node)]
        if comment and comment.value.startswith("#"):
            comment.start_mark = CommentMark(COLUMN)
        _lay_out(node[key], compact)


def _own(value: Any) -> Any:
    """``value`` as nodes without anchors and merge keys; the comments of nodes come along."""
    if isinstance(value, CommentedMap) and value.merge:
        keys = dict.fromkeys([*(key for source in value.merge for key in source), *value])
        return CommentedMap((key, _own(value[key])) for key in keys)
    if isinstance(value, dict):
        node = copy.deepcopy(value) if isinstance(value, CommentedMap) else CommentedMap(value)
        node.yaml_set_anchor(None)
        for key in node:
            node[key] = _own(node[key])
        return node
    if isinstance(value, list):
        items = copy.deepcopy(value) if isinstance(value, CommentedSeq) else CommentedSeq(value)
        items.yaml_set_anchor(None)
        for index, item in enumerate(items):
            items[index] = _own(item)
        return items
    return value


def _take_after(parent: Any, key: Any) -> str:
    """Remove and return the full lines, blank or comments, that follow the value at ``key``."""
    node, last = _last(parent, key)
    slots, place = node.ca.items.get(last), _place(node)
    if not slots or slots[place] is None:
        return ""
    line, _, after = slots[place].value.partition("\n")
    if line:
        slots[place] = CommentToken(line + "\n", slots[place].start_mark, None)
    else:
        del node.ca.items[last]
    return str(after)


def _last(node: Any, key: Any) -> tuple[Any, Any]:
    """The node and key of the last line of the value at ``key``."""
    while isinstance(value := node[key], CommentedMap | CommentedSeq) and value and not _braced(value):
        node, key = value, (next(reversed(value)) if isinstance(value, CommentedMap) else len(value) - 1)
    return node, key


def _place(node: Any) -> int:
    """The slot where ruamel.yaml keeps the comment after a value."""
    return 2 if isinstance(node, CommentedMap) else 0


def _braced(node: CommentedMap | CommentedSeq) -> bool:
    return bool(node.fa.flow_style())
