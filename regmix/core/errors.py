"""The one error a user is meant to read."""


class InputError(Exception):
    """Bad input. The message is one line: the file or key, the value, and the fix."""
