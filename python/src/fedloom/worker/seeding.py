"""Makes a job's random numbers depend on the run's seed, the round and the client alone."""

import random
import sys

import numpy as np


def seed_all(seed):
    """Python's, numpy's and, where it is loaded, PyTorch's global generators, those of GPUs included."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def limit_threads(threads):
    """What the environment says already, for a PyTorch that was told otherwise."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def device():
    """What `train` and `test` get: the process sees one GPU at most."""
    torch = sys.modules.get("torch")
    if torch is None:
        return "cpu"
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
