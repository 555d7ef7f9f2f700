"""Tables as pandas frames. Separate from files.py, since half of the stages need no pandas."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from regmix.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd  # takes half a second, and half of the stages use no table


def read_csv(path: Path) -> pd.DataFrame:
    """A table that a stage wrote. Raises InputError if it is missing or cut off."""
    import pandas as pd

    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                raise ValueError("it ends within a line")
            file.seek(0)
            return pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `dvc repro` again") from None
