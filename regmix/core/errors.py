"""The errors meant for users to read."""

LONGEST, END = 400, 120  # characters of a line, and of its end, which has the fix, if the middle is left out


class InputError(Exception):
    """Bad input. The message is one line: the file or key, the value, and the fix; ``file`` is put before it."""

    def __init__(self, *faults: object, file: str = "") -> None:
        super().__init__(*faults)
        self.file = file

    @property
    def faults(self) -> tuple[str, ...]:
        """The lines without the file."""
        return (str(self.args[0]) if self.args else "",)

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print, a line per fault."""
        return tuple(_one_line(self._located(line)) for line in self.faults)

    def __str__(self) -> str:
        return self._located(self.faults[0])

    def _located(self, line: str) -> str:
        return f"{self.file}: {line}" if self.file else line


class Faults(InputError):
    """Several faults of one input, a line each. The message is the first and how many more there are."""

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        first, *more = map(self._located, self.faults)
        return f"{first} (and {len(more)} more)" if more else first


def reason_of(error: BaseException) -> str:
    """What another library's error says, on one line; its type if it says nothing."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _one_line(text: str) -> str:
    """``text`` with control characters escaped, and the middle of a long one left out: names can have both."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - END - 5]} ... {line[-END:]}"
