"""Elements of XML files in an archive: one document per element."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

from pydantic import Field

from regmix.core.errors import InputError
from regmix.core.settings import Line, NonNegative, Strict
from regmix.readers import _archive, _text


class Options(Strict):
    members: _archive.Patterns
    record: Line  # ElementTree path of the elements that are documents; {*} matches any namespace
    fields: Annotated[list[Line], Field(min_length=1)]  # paths within a record; their texts are joined in this order
    join: str  # separator between texts
    min_chars: NonNegative  # shorter documents are dropped


def read(path: Path, options: Options) -> Iterator[str]:
    """One document per record. Raises InputError on a broken archive or file, a missing member, record or field."""
    for name, data in _archive.members(path, options.members):
        try:
            records = ElementTree.fromstring(data).findall(options.record)
            matches = [[record.findall(field) for field in options.fields] for record in records]
        except (ElementTree.ParseError, SyntaxError, KeyError) as error:
            raise InputError(
                f"{name}: broken XML, or a `record` or `fields` that is not a path ({error}); fix it"
            ) from None
        if not records:
            raise InputError(f"{name}: no record {options.record!r}; fix the domain's `record`")
        for position, field in enumerate(options.fields):
            if not any(elements[position] for elements in matches):
                raise InputError(f"{name}: no field {field!r} in any record; fix the domain's `fields`")
        for elements in matches:
            texts = (_text.collapse(" ".join(element.itertext())) for element in chain.from_iterable(elements))
            text = options.join.join(filter(None, texts))
            if len(text) >= options.min_chars:
                yield text
