"""Who trains the runs that the store lacks, and where: one file per launcher, loaded by its name in params.yaml.

A launcher has ``Options``, the pydantic model of its further keys; ``launch(assignment, options)``, which returns when
the runs of ``assignment`` are in its store, or raises InputError with finished runs and checkpoints kept; and
``places(store, compute)``, the processors or GPUs whose results count as those of ``assignment``. It decides no bit of
a result; the report is the only stage that depends on it, because it lists the settings.
"""
