"""Launchers train the runs that are missing from the store: one file each, loaded by its name in params.yaml.

A launcher has ``Options``, the pydantic model of its other keys; ``launch(assignment, options)``, which returns when
the runs of ``assignment`` are in its store, or raises InputError and keeps finished runs and checkpoints; and
``places(store, compute)``, the CPUs or GPUs whose results are valid for ``assignment``. Launchers do not affect the
bits of a result; the report is the only stage that depends on them, because it lists the settings.
"""
