"""One thread, as the engine's own workers have, and its kernels made ready before any test forks."""

import torch

from regmix.engine.compiled import prepare

torch.set_num_threads(1)  # tiny products only get slower with two
prepare()
