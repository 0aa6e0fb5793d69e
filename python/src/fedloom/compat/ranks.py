"""Which of the processes this one is."""

import os
import sys

from .errors import CompatError

# Rank, size, and processes of the same run on this host, as those who start processes say it.
_VARIABLES = (
    ("FEDLOOM_RANK", "FEDLOOM_SIZE", None),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ("SLURM_PROCID", "SLURM_NTASKS", None),
)


def FedML_init():
    """Returns (comm, process_id, worker_number): MPI's communicator where mpi4py is installed and MPI started the processes,
    else None; the rank; and the number of processes, the server included.

    Raises `CompatError` where nothing says which process this is."""
    rank, size, _ = _from_environment()
    comm = _communicator()
    if comm is None:
        return None, rank, size
    return comm, comm.Get_rank(), comm.Get_size()


def all_on_this_host(size):
    """Whether all processes are known to run on this host."""
    if "FEDLOOM_RANK" in os.environ or os.environ.get("SLURM_JOB_NUM_NODES") == "1":
        return True
    return _from_environment()[2] == size


def _from_environment():
    for rank_name, size_name, local_name in _VARIABLES:
        if rank_name in os.environ and size_name in os.environ:
            rank, size = _number(rank_name), _number(size_name)
            if not 0 <= rank < size:
                raise CompatError(f"{rank_name}={rank} is no rank of {size_name}={size} processes: they count from 0.")
            return rank, size, _number(local_name) if local_name and local_name in os.environ else None
    raise CompatError(
        "Nothing says which process this is: start the program with mpirun -np N, or start each process with FEDLOOM_RANK "
        "(0 is the server) and FEDLOOM_SIZE (the server included) in its environment."
    )


def _number(name):
    text = os.environ[name]
    if not text.isdecimal():
        raise CompatError(f"{name}={text} in the environment is no whole number.")
    return int(text)


def _communicator():
    """Only under MPI: it would else think that it is alone."""
    if "FEDLOOM_RANK" in os.environ or not any(name in os.environ for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")):
        return None
    try:
        from mpi4py import MPI
    except ImportError:
        return None
    except RuntimeError as error:
        print(f"warning: mpi4py finds no MPI ({error}): the ranks are those of the environment.", file=sys.stderr, flush=True)
        return None
    return MPI.COMM_WORLD
