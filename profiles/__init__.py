"""Commands around the pipeline: profiles, plans, and `make repro`."""

import stages  # noqa: F401  its handler: an interrupt while a command still imports ends it without a traceback
