"""One thread, as the engine's own workers have, and the kernels made ready as where runs are trained."""

import torch

from regmix.launchers.local import ready

torch.set_num_threads(1)  # tiny products only get slower with two
ready()
