"""Read a file from the package index that pip is configured for, with its mirrors, folders, proxies and certificates.

`pip download` would run the build code of a source archive, and install what that code needs, just to read the
archive's metadata. Here the file is only read. pip has no public call for that, so this uses internal ones.
They are imported by name: pip does not affect the corpus, so its version is not a dependency of any result.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Iterator

from regmix.core.errors import InputError, reason_of

# What pip logs when it cannot reach an index, rather than when an index lacks the project.
UNREACHABLE = ("connection broken", "connection error", "ssl certificate", "Max retries", "timed out")
CHUNK = 1 << 20  # bytes


def read_file(project: str, file: str, key: str) -> Iterator[bytes]:
    """The bytes of ``file``, a source archive or pure Python wheel of ``project``, in chunks, not verified.

    Raises InputError, naming the params.yaml key ``key``, if no index can be reached, the file is not in it, or the
    connection fails.
    """
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(_captured_log())
        try:
            command = importlib.import_module("pip._internal.commands").create_command("download")
            network = importlib.import_module("pip._internal.network.utils")
            options, _ = command.parse_args([])
            session = stack.enter_context(command._build_session(options))
            finder = command._build_package_finder(options, session, ignore_requires_python=True)
        except (ImportError, AttributeError, TypeError) as error:
            raise InputError(f"pip: cannot be used to fetch archives ({error}); install pip 23.2.1") from None
        links = (candidate.link for candidate in finder.find_all_candidates(project))
        link = next((link for link in links if link.filename == file), None)
        if link is None:
            raise InputError(f"{key}: {_why_missing(log, project, file)}")
        try:
            response = session.get(link.url_without_fragment, headers=network.HEADERS, stream=True)
            stack.enter_context(contextlib.closing(response))
            response.raise_for_status()
            missing = int(response.headers.get("Content-Length", 0))
            for chunk in network.response_chunks(response, CHUNK):
                missing -= len(chunk)
                yield chunk
            if missing > 0:
                raise EOFError(f"{missing} bytes are missing")
        except Exception as error:  # requests, urllib3 and pip raise different types
            reason = reason_of(error)
            raise InputError(f"{key}: {file}: the download failed ({reason}); run it again") from None


def _why_missing(log: list[str], project: str, file: str) -> str:
    if any(mark in line for line in log for mark in UNREACHABLE):
        return "no package index can be reached; check the network, or set PIP_INDEX_URL or PIP_FIND_LINKS"
    return f"the package index has no {file} of {project!r}; fix `file`: a source archive or pure Python wheel"


@contextlib.contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Collect what pip logs in the block, instead of letting it write to stderr."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pip")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
