#include "world.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

char* CopyOf(const char* bytes, size_t length) {
  char* copy = world.spare != nullptr ? world.spare : static_cast<char*>(std::malloc(kSmallBytesMax));
  world.spare = nullptr;
  std::memcpy(copy, bytes, length);
  return copy;
}

void GiveBack(char* copy) {
  if (world.spare == nullptr) world.spare = copy;
  else std::free(copy);
}

// Sends a small message, and forgets it or keeps track of it.
void StartSmall(const char* bytes, size_t length, int rank, int tag, bool synchronous, double id) {
  char* copy = CopyOf(bytes, length);
  const Transfer transfer{synchronous ? kSent : kNothing, id, nullptr, copy};
  MPI_Request request;
  const auto start = synchronous ? MPI_Issend : MPI_Isend;
  start(copy, static_cast<int>(length), MPI_BYTE, rank, tag, world.small, &request);
  int left = 0;
  // Who waits for it is told by an event.
  if (!synchronous) MPI_Test(&request, &left, MPI_STATUS_IGNORE);
  if (left != 0) GiveBack(copy);
  else Track(request, transfer);
}

void AddEvent(int at, Event event, double a, double b = 0, double c = 0, double d = 0) {
  double* numbers = world.events + at * kNumbersPerEvent;
  numbers[0] = event;
  numbers[1] = a;
  numbers[2] = b;
  numbers[3] = c;
  numbers[4] = d;
}

int TakeFinished(napi_env env, int count) {
  // The oldest, of which no more are done than there is room for.
  const int outstanding = std::min(static_cast<int>(world.requests.size()), kEventsMax - kSlots);
  if (outstanding == 0) return count;
  world.finished.resize(world.requests.size());
  int done = 0;
  MPI_Testsome(outstanding, world.requests.data(), &done, world.finished.data(), MPI_STATUSES_IGNORE);
  if (done <= 0) return count;
  std::sort(world.finished.begin(), world.finished.begin() + done);
  // Those that go on close ranks, in order.
  size_t kept = static_cast<size_t>(world.finished[0]);
  int next = 0;
  for (size_t i = kept; i < world.requests.size(); i++) {
    if (next < done && static_cast<size_t>(world.finished[next]) == i) {
      next++;
      Transfer& transfer = world.transfers[i];
      if (transfer.memory != nullptr) napi_delete_reference(env, transfer.memory);
      if (transfer.copy != nullptr) GiveBack(transfer.copy);
      if (transfer.event == kAllHere) world.meetings--;
      if (transfer.event != kNothing) AddEvent(count++, transfer.event, transfer.id);
      continue;
    }
    world.requests[kept] = world.requests[i];
    world.transfers[kept] = world.transfers[i];
    kept++;
  }
  world.requests.resize(kept);
  world.transfers.resize(kept);
  return count;
}

// What came, in the order in which each rank sent it.
int TakeMessages(int count) {
  while (world.read_slots < kSlots - 1) {
    MPI_Status status;
    int came = 0;
    MPI_Test(&world.slot_requests[world.next_slot], &came, &status);
    if (came == 0) return count;
    int length = 0;
    MPI_Get_count(&status, MPI_BYTE, &length);
    const char* slot = world.slots + static_cast<size_t>(world.next_slot) * kSmallBytesMax;
    const int tag = status.MPI_TAG / 2;
    if (status.MPI_TAG % 2 == 0) {
      AddEvent(count++, kSmall, status.MPI_SOURCE, tag, slot - world.slots, length);
    } else {
      uint32_t announced = 0;
      std::memcpy(&announced, slot, sizeof announced);
      AddEvent(count++, kLarge, status.MPI_SOURCE, tag, 0, announced);
    }
    world.next_slot = (world.next_slot + 1) % kSlots;
    world.read_slots++;
  }
  return count;
}

}  // namespace

void FillSlot(int slot) {
  MPI_Irecv(world.slots + static_cast<size_t>(slot) * kSmallBytesMax, kSmallBytesMax, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG,
            world.small, &world.slot_requests[slot]);
}

void RefillReadSlots() {
  for (; world.read_slots > 0; world.read_slots--) FillSlot((world.next_slot - world.read_slots + kSlots) % kSlots);
}

void Track(MPI_Request request, Transfer transfer) {
  world.requests.push_back(request);
  world.transfers.push_back(transfer);
}

void StartQueued() {
  const int count = static_cast<int>(world.queue[0]);
  if (count == 0) return;
  world.queue[0] = 0;
  for (int i = 0; i < count; i++) {
    const double* numbers = world.queue + 1 + i * kNumbersPerQueued;
    const char* bytes = world.outgoing + static_cast<size_t>(i) * kSmallBytesMax;
    const int rank = static_cast<int>(numbers[0]);
    const int tag = 2 * static_cast<int>(numbers[1]);
    StartSmall(bytes, static_cast<size_t>(numbers[2]), rank, tag, numbers[3] != 0, numbers[3]);
  }
}

void Announce(int rank, int tag, size_t length) {
  const auto announced = static_cast<uint32_t>(length);
  StartSmall(reinterpret_cast<const char*>(&announced), sizeof announced, rank, tag + 1, false, 0);
}

int TakeEvents(napi_env env) { return TakeMessages(TakeFinished(env, 0)); }
