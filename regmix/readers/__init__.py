"""Readers: one file per source format. `reader: NAME` of a domain in params.yaml means NAME.py here.

A new reader takes one file here and an entry in params.yaml. The file defines two names:

``Options``
    a subclass of ``regmix.core.settings.Strict``: the keys that the domain takes besides `reader` and `path`. They are
    checked before any work; a key without a default must be given.
``read(path: Path, options: Options) -> Iterator[str]``
    the documents of the domain, whose `path` in params.yaml is ``path``: an archive or a folder that corpus_fetch
    writes, or the user's own file or folder.

``read`` yields one document at a time, so that a domain may be larger than memory. The same source gives the same
documents; their order does not matter, for corpus_extract puts them in the order of a hash. It also strips white space
at both ends, drops empty documents and exact copies, and cuts the domain to `corpus.domain_chars`: a reader does none
of this. Bad input raises ``regmix.core.errors.InputError`` with one line: the file, what is wrong in it, how to fix it.

A file whose name starts with _ is no reader, but what several readers share: ``_archive`` for members of archives,
``_python`` for Python files in them, ``_text`` for decoding and plain text.
"""
