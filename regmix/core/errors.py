"""The errors meant for users to read."""


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
    """``text`` with control characters escaped: names from a file can have them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
