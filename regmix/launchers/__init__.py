"""Who trains the runs that the store lacks, and where: one file a launcher, loaded by its name in params.yaml.

A launcher has ``Options``, the pydantic model of its further keys; ``launch(work, options)``, which returns when the
runs of ``work`` are in its store, or raises InputError with finished runs and checkpoints kept; and
``places(store, compute)``, the processors or GPUs whose results count as those of ``work``. It decides no bit of a
result; of all stages the report alone depends on it, which lists the knobs.
"""
