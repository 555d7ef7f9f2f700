"""Tables as pandas frames. Separate from files.py, since half of the stages need no pandas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from regmix.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd  # takes half a second, and half of the stages use no table


def read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `dvc repro` again") from None
