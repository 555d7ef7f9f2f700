"""Readers: one file per source format. `reader: NAME` of a domain in params.yaml loads NAME.py here.

A new reader needs one file here and an entry in params.yaml. The file defines two names:

``Options``
    a subclass of ``regmix.core.settings.Strict``: the keys of the domain besides `reader` and `path`. They are checked
    before any stage runs; a key without a default is required.
``read(path: Path, options: Options) -> Iterator[str]``
    the documents of the domain, whose `path` in params.yaml is ``path``: an archive or a folder that corpus_fetch
    writes, or the user's own file or folder.

``read`` yields one document at a time, so that a domain can be larger than memory. The same source gives the same
documents; their order does not matter, because corpus_extract sorts them by a hash. corpus_extract also strips white
space at both ends, drops empty documents and exact copies, and cuts the domain to `corpus.domain_chars`, so a reader
does none of this. Bad input raises ``regmix.core.errors.InputError`` with one line: the file, the fault and the fix.

A file whose name starts with _ is not a reader; it holds code that several readers share: ``_archive`` for members of
archives, ``_python`` for Python files in them, ``_text`` for decoding and plain text.
"""
