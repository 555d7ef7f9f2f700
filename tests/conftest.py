"""One thread, as the engine's own workers have: tiny products only get slower with two."""

import torch

torch.set_num_threads(1)
