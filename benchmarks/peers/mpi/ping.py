"""As ping.c, with mpi4py: mpirun -np 2 python ping.py BYTES COUNT ... prints the seconds of a round trip, a line of JSON each."""

import json
import sys

from mpi4py import MPI

world = MPI.COMM_WORLD
rank = world.Get_rank()


def round_trip(message, count):
    world.Barrier()
    start = MPI.Wtime()
    for _ in range(count):
        if rank == 0:
            world.Send(message, dest=1, tag=1)
        world.Recv(message, source=1 - rank, tag=1)
        if rank == 1:
            world.Send(message, dest=0, tag=1)
    return (MPI.Wtime() - start) / count


sizes = [int(text) for text in sys.argv[1:]]
for length, count in zip(sizes[::2], sizes[1::2]):
    message = [bytearray(length), MPI.BYTE]
    round_trip(message, count // 4 + 1)
    seconds = round_trip(message, count)
    if rank == 0:
        print(json.dumps({"bytes": length, "seconds": seconds}), flush=True)
