#include "world.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <chrono>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

// The watcher's pauses are this part of the time for which nothing has come, within bounds.
constexpr int kPauseDivisor = 16;
constexpr nanoseconds kPauseMin = microseconds(20);
constexpr nanoseconds kPauseMax = microseconds(4000);

// Whether JavaScript has something to do; changes nothing. Called with the mutex held.
bool SomethingHappened() {
  int flag = 0;
  MPI_Request_get_status(world.slot_requests[world.next_slot], &flag, MPI_STATUS_IGNORE);
  for (size_t i = 0; flag == 0 && i < world.requests.size(); i++) {
    MPI_Request_get_status(world.requests[i], &flag, MPI_STATUS_IGNORE);
  }
  return flag != 0;
}

}  // namespace

void Watch() {
#ifdef __linux__
  // Else the kernel rounds each pause up by 50 us.
  prctl(PR_SET_TIMERSLACK, 1000);
#endif
  std::unique_lock<std::mutex> lock(world.watch);
  for (;;) {
    world.changed.wait(lock, [] { return world.watching || world.stopping; });
    if (world.stopping) return;
    const auto since = Clock::now();
    while (world.watching && !world.stopping) {
      lock.unlock();
      bool happened;
      bool transferring;
      {
        std::lock_guard<std::mutex> guard(world.mpi);
        happened = SomethingHappened();
        transferring = world.requests.size() > world.meetings;
      }
      lock.lock();
      if (happened && world.watching) {
        world.watching = false;
        napi_call_threadsafe_function(world.wake, nullptr, napi_tsfn_nonblocking);
        break;
      }
      const nanoseconds idle = (Clock::now() - since) / kPauseDivisor;
      // What is on its way goes on only while somebody asks after it.
      const nanoseconds longest = transferring ? 5 * kPauseMin : kPauseMax;
      world.changed.wait_for(lock, std::min(std::max(idle, kPauseMin), longest),
                             [] { return !world.watching || world.stopping; });
    }
  }
}

void StopWatching() {
  {
    std::lock_guard<std::mutex> lock(world.watch);
    world.stopping = true;
  }
  world.changed.notify_one();
  if (world.watcher.joinable()) world.watcher.join();
  if (world.wake != nullptr) napi_release_threadsafe_function(world.wake, napi_tsfn_abort);
  world.wake = nullptr;
}

void SetWatching(bool watching) {
  {
    std::lock_guard<std::mutex> lock(world.watch);
    world.watching = watching;
  }
  world.changed.notify_one();
}
