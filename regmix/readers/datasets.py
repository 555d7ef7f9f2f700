"""A data set that the `datasets` library can load: from the hub, or from a folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError, reason_of
from regmix.core.settings import Count, Strict


class Options(Strict):
    name: str | None  # on the hub, such as `allenai/c4`; null: use the folder at the domain's path
    config: str | None  # `name` of datasets.load_dataset; null: the only one
    revision: str | None  # tag or commit on the hub; give a commit, or the text can change
    split: str
    text_field: str
    first: Count | None  # documents to read; null: the whole split
    where: dict[str, str] | None = (
        None  # only documents with these values, such as {meta.pile_set_name: ArXiv}; null: all
    )


def read(path: Path, options: Options) -> Iterator[str]:
    """The texts of a split, streamed; null texts and documents that ``options.where`` excludes are skipped.

    ``path`` is the data set (saved by ``save_to_disk``, or a folder of data files) if ``options.name`` is null;
    otherwise it is ignored. A dot in a key of ``where`` descends into a mapping. Skipped documents are not stored, so
    part of a data set larger than the disk can be read, at the cost of downloading all of it.
    Raises InputError if the data set, the split or a field cannot be read.
    """
    name = options.name or str(path)
    rows = itertools.islice(_load(path, options), options.first)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise _unreadable(name, options, error) from None
        if not all(_field(row, key, name) == value for key, value in (options.where or {}).items()):
            continue
        if options.text_field not in row:
            raise InputError(f"{name}: no field {options.text_field!r} ({', '.join(row)}); fix `text_field`")
        text = row[options.text_field]
        if isinstance(text, str):
            yield text
        elif text is not None:
            raise InputError(f"{name}: {options.text_field!r} is not text ({type(text).__name__}); fix `text_field`")


def _field(row: Mapping[str, Any], key: str, name: str) -> Any:
    value: Any = row
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            fields = ", ".join(value) if isinstance(value, Mapping) else type(value).__name__
            raise InputError(f"{name}: no field {key!r} ({fields}); fix `where`")
        value = value[part]
    return value


def _load(path: Path, options: Options) -> Iterator[dict[str, Any]]:
    import datasets  # imported here, because it takes a second

    if options.name is None and not path.is_dir():
        raise InputError(f"{path}: no such folder; fix the domain's path, or give the hub's `name`")
    try:
        if options.name is None and any((path / marker).exists() for marker in ("state.json", "dataset_dict.json")):
            saved = datasets.load_from_disk(str(path))
            if isinstance(saved, datasets.DatasetDict):
                saved = saved[options.split]
            elif saved.split not in (None, options.split):
                raise ValueError(f"it is the split {str(saved.split)!r}")
            return iter(saved)
        return iter(
            datasets.load_dataset(
                options.name or str(path),
                options.config,
                split=options.split,
                revision=options.revision,
                streaming=True,
            )
        )
    except Exception as error:  # the hub's client, its file systems and formats raise different types
        raise _unreadable(options.name or str(path), options, error) from None


def _unreadable(name: str, options: Options, error: Exception) -> InputError:
    reason = reason_of(error)
    return InputError(
        f"data set {name!r} (config {options.config!r}, split {options.split!r}, revision {options.revision!r}): "
        f"cannot be read ({type(error).__name__}: {reason}); fix the domain's keys, or check the network"
    )
