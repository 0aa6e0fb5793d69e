/* Two ranks send messages to and fro: mpirun -np 2 ping BYTES COUNT ... prints the seconds of a round trip, a line of JSON each. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double roundTrip(int rank, char *bytes, int length, int count) {
  MPI_Barrier(MPI_COMM_WORLD);
  const double start = MPI_Wtime();
  for (int i = 0; i < count; i++) {
    if (rank == 0) MPI_Send(bytes, length, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
    MPI_Recv(bytes, length, MPI_BYTE, 1 - rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1) MPI_Send(bytes, length, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
  }
  return (MPI_Wtime() - start) / count;
}

int main(int argc, char **argv) {
  int rank;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int i = 1; i + 1 < argc; i += 2) {
    const int length = atoi(argv[i]);
    const int count = atoi(argv[i + 1]);
    char *bytes = malloc(length);
    memset(bytes, 1, length);
    roundTrip(rank, bytes, length, count / 4 + 1);
    const double seconds = roundTrip(rank, bytes, length, count);
    if (rank == 0) printf("{\"bytes\": %d, \"seconds\": %.9f}\n", length, seconds);
    free(bytes);
  }
  MPI_Finalize();
  return 0;
}
