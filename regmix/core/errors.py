"""The errors meant for users to read."""

LONGEST, END = 400, 120  # characters of a line, and of its end, which has the fix, if the middle is left out


class InputError(Exception):
    """Bad input. The message is one line: the file or key, the value, and the fix."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print, a line per fault."""
        return (_one_line(str(self)),)


class Faults(InputError):
    """Several faults of one input, a line each. The message is the first and how many more there are."""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(_one_line(str(line)) for line in self.args)

    def __str__(self) -> str:
        first, *more = self.args
        return f"{first} (and {len(more)} more)" if more else str(first)


def _one_line(text: str) -> str:
    """``text`` with control characters escaped, and the middle of a long one left out: names can have both."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - END - 5]} ... {line[-END:]}"
