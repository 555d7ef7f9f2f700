"""The errors meant for users to read."""


class InputError(Exception):
    """Bad input. The message is one line: the file or key, the value, and the fix."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print, a line per fault."""
        return (str(self),)


class Faults(InputError):
    """Several faults of one input, a line each. The message is the first and how many more there are."""

    @property
    def lines(self) -> tuple[str, ...]:
        return self.args

    def __str__(self) -> str:
        first, *more = self.args
        return f"{first} (and {len(more)} more)" if more else str(first)
