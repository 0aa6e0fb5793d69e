// What this package needs of MPI, for one JavaScript thread: messages between ranks that arrive whole and in order.
//
// The JavaScript thread makes the calls and polls while there is traffic. While there is none it sleeps in its event loop,
// and a thread of watcher.cc looks for it, at growing intervals, and wakes it. A mutex lets one of them in at a time, which is
// all that MPI_THREAD_SERIALIZED asks for.
#pragma once
#define NAPI_VERSION 8
// The bindings for C++, which are none of MPI's any more.
#define OMPI_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#include <mpi.h>
#include <node_api.h>

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

// As src/addon/addon.ts reads them: each event is five numbers.
enum Event { kNothing = 0, kSmall = 1, kLarge = 2, kReceived = 3, kSent = 4, kAllHere = 5 };
constexpr int kNumbersPerEvent = 5;
constexpr int kEventsMax = 4096;
// Small messages go to memory that waits for them, so that nobody asks how long they are before they are received.
constexpr size_t kSmallBytesMax = 1024;
constexpr int kSlots = 64;
// Small messages that JavaScript has written and that have not been started: each is four numbers, after their count.
constexpr int kNumbersPerQueued = 4;
constexpr int kQueuedMax = 64;

// A transfer that MPI has not finished, and the memory that it works on.
struct Transfer {
  Event event;
  double id;
  napi_ref memory;
  char* copy;
};

struct World {
  // Small messages, among them the announcements of large ones, keep the order of all. Large ones have a communicator of their
  // own, where each is received when its announcement has come.
  MPI_Comm small = MPI_COMM_NULL;
  MPI_Comm large = MPI_COMM_NULL;
  bool open = false;
  bool yields = false;
  // Shared with JavaScript.
  double* events = nullptr;
  char* slots = nullptr;
  double* queue = nullptr;
  char* outgoing = nullptr;
  // One for each slot, which fill in turn, beginning with `next_slot`.
  MPI_Request slot_requests[kSlots];
  int next_slot = 0;
  // Slots before it that the last poll told of, and that JavaScript has read by now.
  int read_slots = 0;
  // Side by side, as MPI_Testsome wants them.
  std::vector<MPI_Request> requests;
  std::vector<Transfer> transfers;
  std::vector<int> finished;
  // Of these, barriers: they take as long as the other ranks do.
  size_t meetings = 0;
  // Memory of a small message that has left.
  char* spare = nullptr;
  double last_id = 0;
  std::mutex mpi;

  std::thread watcher;
  std::mutex watch;
  std::condition_variable changed;
  bool watching = false;
  bool stopping = false;
  napi_threadsafe_function wake = nullptr;
};

extern World world;

// watcher.cc

void Watch();
void SetWatching(bool watching);
void StopWatching();

// messages.cc; to be called with the mutex `mpi` held

void FillSlot(int slot);
void RefillReadSlots();
void Track(MPI_Request request, Transfer transfer);
// Starts the queued messages, in their order.
void StartQueued();
// Tells the other end of a large message that it comes, before it does.
void Announce(int rank, int tag, size_t length);
// What is finished and what came, as events. @returns how many there are
int TakeEvents(napi_env env);
