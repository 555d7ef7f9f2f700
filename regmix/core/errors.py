"""The one error meant for users to read."""


class InputError(Exception):
    """Bad input. The message is one line: the file or key, the value, and the fix."""
