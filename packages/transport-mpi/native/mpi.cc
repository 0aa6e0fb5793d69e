// What this package needs of MPI, for one JavaScript thread: messages between ranks that arrive whole and in order.
//
// The JavaScript thread makes the calls and polls while there is traffic. While there is none it sleeps in its event loop,
// and a thread of this file looks for it, at growing intervals, and wakes it. A mutex lets one of them in at a time, which is
// all that MPI_THREAD_SERIALIZED asks for.
#define NAPI_VERSION 8
// The bindings for C++, which are none of MPI's any more.
#define OMPI_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#include <mpi.h>
#include <node_api.h>
#include <sched.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

// As src/addon/addon.ts reads them: each event is five numbers.
enum Event { kNothing = 0, kSmall = 1, kLarge = 2, kReceived = 3, kSent = 4, kAllHere = 5 };
constexpr int kNumbersPerEvent = 5;
constexpr int kEventsMax = 4096;
// Small messages go to memory that waits for them, so that nobody asks how long they are before they are received.
constexpr size_t kSmallBytesMax = 1024;
constexpr int kSlots = 64;
// Between two looks at the clock.
constexpr int kPollsPerLook = 8;
// The watcher's pauses are this part of the time for which nothing has come, within bounds.
constexpr int kPauseDivisor = 16;
constexpr nanoseconds kPauseMin = microseconds(20);
constexpr nanoseconds kPauseMax = microseconds(4000);

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

World world;

napi_value Fail(napi_env env, const char* what) {
  napi_throw_error(env, nullptr, what);
  return nullptr;
}

template <size_t N>
bool Arguments(napi_env env, napi_callback_info info, napi_value (&values)[N]) {
  size_t count = N;
  return napi_get_cb_info(env, info, &count, values, nullptr, nullptr) == napi_ok && count >= N;
}

double Number(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

napi_value FromNumber(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

void Set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

napi_value FromText(napi_env env, const char* text, size_t length) {
  napi_value value;
  napi_create_string_utf8(env, text, length, &value);
  return value;
}

// Whether JavaScript has something to do; changes nothing. Called with the mutex held.
bool SomethingHappened() {
  int flag = 0;
  MPI_Request_get_status(world.slot_requests[world.next_slot], &flag, MPI_STATUS_IGNORE);
  for (size_t i = 0; flag == 0 && i < world.requests.size(); i++) {
    MPI_Request_get_status(world.requests[i], &flag, MPI_STATUS_IGNORE);
  }
  return flag != 0;
}

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

// A process that ends with a thread inside MPI may hang or crash.
void CleanUp(void*) { StopWatching(); }

void FillSlot(int slot) {
  MPI_Irecv(world.slots + static_cast<size_t>(slot) * kSmallBytesMax, kSmallBytesMax, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG,
            world.small, &world.slot_requests[slot]);
}

// open(wake, events, slots, outgoing) -> { rank, size, localSize, tagMax, library, hosts }. Every rank must call it.
napi_value Open(napi_env env, napi_callback_info info) {
  napi_value args[4];
  if (!Arguments(env, info, args)) return Fail(env, "open needs a function and three arrays");
  void* shared[3];
  const size_t needed[3] = {kEventsMax * kNumbersPerEvent, kSlots * kSmallBytesMax, kSmallBytesMax};
  for (int i = 0; i < 3; i++) {
    size_t length = 0;
    napi_get_typedarray_info(env, args[i + 1], nullptr, &length, &shared[i], nullptr, nullptr);
    if (length < needed[i]) return Fail(env, "open: an array is too short");
    // For as long as this process lives: they are written to.
    napi_ref kept;
    napi_create_reference(env, args[i + 1], 1, &kept);
  }
  world.events = static_cast<double*>(shared[0]);
  world.slots = static_cast<char*>(shared[1]);
  world.outgoing = static_cast<char*>(shared[2]);

  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) return Fail(env, "MPI was started before in this process");
  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED) return Fail(env, "this MPI was built without threads (MPI_THREAD_SERIALIZED)");
  MPI_Comm_dup(MPI_COMM_WORLD, &world.small);
  MPI_Comm_dup(MPI_COMM_WORLD, &world.large);
  for (int i = 0; i < kSlots; i++) FillSlot(i);

  int rank = 0;
  int size = 0;
  MPI_Comm_rank(world.small, &rank);
  MPI_Comm_size(world.small, &size);
  MPI_Comm local;
  int local_size = 1;
  MPI_Comm_split_type(world.small, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local);
  MPI_Comm_size(local, &local_size);
  MPI_Comm_free(&local);
  // Somebody else may need the core.
  world.yields = local_size >= static_cast<int>(std::thread::hardware_concurrency());
  void* tag_max = nullptr;
  int has_tag_max = 0;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_max, &has_tag_max);

  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int name_length = 0;
  MPI_Get_processor_name(name, &name_length);
  std::vector<char> names(static_cast<size_t>(size) * MPI_MAX_PROCESSOR_NAME);
  MPI_Allgather(name, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, names.data(), MPI_MAX_PROCESSOR_NAME, MPI_CHAR, world.small);
  char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int library_length = 0;
  MPI_Get_library_version(library, &library_length);

  napi_value resource;
  napi_create_string_utf8(env, "fedloom:mpi", NAPI_AUTO_LENGTH, &resource);
  if (napi_create_threadsafe_function(env, args[0], nullptr, resource, 0, 1, nullptr, nullptr, nullptr, nullptr,
                                      &world.wake) != napi_ok) {
    return Fail(env, "no function can be called from another thread");
  }
  world.open = true;
  world.watcher = std::thread(Watch);
  napi_add_env_cleanup_hook(env, CleanUp, nullptr);

  napi_value result;
  napi_value hosts;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, static_cast<size_t>(size), &hosts);
  for (int i = 0; i < size; i++) {
    const char* host = names.data() + static_cast<size_t>(i) * MPI_MAX_PROCESSOR_NAME;
    napi_set_element(env, hosts, static_cast<uint32_t>(i), FromText(env, host, NAPI_AUTO_LENGTH));
  }
  Set(env, result, "rank", FromNumber(env, rank));
  Set(env, result, "size", FromNumber(env, size));
  Set(env, result, "localSize", FromNumber(env, local_size));
  // A bit of the tag tells announcements.
  Set(env, result, "tagMax", FromNumber(env, (has_tag_max != 0 ? *static_cast<int*>(tag_max) : 32767) / 2));
  Set(env, result, "library", FromText(env, library, static_cast<size_t>(library_length)));
  Set(env, result, "hosts", hosts);
  return result;
}

void Track(MPI_Request request, Transfer transfer) {
  world.requests.push_back(request);
  world.transfers.push_back(transfer);
}

napi_ref Hold(napi_env env, napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env, value, 1, &reference);
  return reference;
}

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

// Sends a small message, and forgets it or keeps track of it. @returns whether it has left.
bool StartSmall(const char* bytes, size_t length, int rank, int tag, bool synchronous, Transfer transfer) {
  transfer.copy = CopyOf(bytes, length);
  MPI_Request request;
  const auto start = synchronous ? MPI_Issend : MPI_Isend;
  start(transfer.copy, static_cast<int>(length), MPI_BYTE, rank, tag, world.small, &request);
  int left = 0;
  MPI_Test(&request, &left, MPI_STATUS_IGNORE);
  if (left != 0) GiveBack(transfer.copy);
  else Track(request, transfer);
  return left != 0;
}

// sendSmall(rank, tag, length, synchronous): the first bytes of `outgoing` -> 0 if they have left, else an id, which `kSent`
// brings; if synchronous, not before the other end's slot is there for it.
napi_value SendSmall(napi_env env, napi_callback_info info) {
  napi_value args[4];
  if (!Arguments(env, info, args) || !world.open) return Fail(env, "sendSmall: MPI is not open");
  const int rank = static_cast<int>(Number(env, args[0]));
  const int tag = static_cast<int>(Number(env, args[1]));
  const auto length = static_cast<size_t>(Number(env, args[2]));
  const bool synchronous = Number(env, args[3]) != 0;
  if (length > kSmallBytesMax) return Fail(env, "sendSmall: the message is not small");
  std::lock_guard<std::mutex> guard(world.mpi);
  const double id = ++world.last_id;
  const bool left = StartSmall(world.outgoing, length, rank, 2 * tag, synchronous, {kSent, id, nullptr, nullptr});
  return FromNumber(env, left ? 0 : id);
}

// sendLarge(rank, tag, bytes) -> an id, which `kSent` brings once the other end has them. They must not change until then.
napi_value SendLarge(napi_env env, napi_callback_info info) {
  napi_value args[3];
  if (!Arguments(env, info, args) || !world.open) return Fail(env, "sendLarge: MPI is not open");
  const int rank = static_cast<int>(Number(env, args[0]));
  const int tag = 2 * static_cast<int>(Number(env, args[1]));
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env, args[2], nullptr, &length, &data, nullptr, nullptr);
  if (length > INT32_MAX) return Fail(env, "sendLarge: a message of 2 GiB or more must be cut");
  const auto announced = static_cast<uint32_t>(length);
  std::lock_guard<std::mutex> guard(world.mpi);
  StartSmall(reinterpret_cast<const char*>(&announced), sizeof announced, rank, tag + 1, false, {kNothing, 0, nullptr, nullptr});
  MPI_Request request;
  MPI_Isend(data, static_cast<int>(length), MPI_BYTE, rank, tag, world.large, &request);
  Track(request, {kSent, ++world.last_id, Hold(env, args[2]), nullptr});
  return FromNumber(env, world.last_id);
}

// receive(rank, tag, bytes) -> an id: fills bytes with the message of a `kLarge` event; `kReceived` tells when.
napi_value Receive(napi_env env, napi_callback_info info) {
  napi_value args[3];
  if (!Arguments(env, info, args) || !world.open) return Fail(env, "receive: MPI is not open");
  const int rank = static_cast<int>(Number(env, args[0]));
  const int tag = 2 * static_cast<int>(Number(env, args[1]));
  size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(env, args[2], nullptr, &length, &data, nullptr, nullptr);
  std::lock_guard<std::mutex> guard(world.mpi);
  MPI_Request request;
  MPI_Irecv(data, static_cast<int>(length), MPI_BYTE, rank, tag, world.large, &request);
  Track(request, {kReceived, ++world.last_id, Hold(env, args[2]), nullptr});
  return FromNumber(env, world.last_id);
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

void RefillReadSlots() {
  for (; world.read_slots > 0; world.read_slots--) FillSlot((world.next_slot - world.read_slots + kSlots) % kSlots);
}

// poll(spinMicroseconds) -> how many events there are, after at most so long if there are none. The slots of the last poll's
// are filled again.
napi_value Poll(napi_env env, napi_callback_info info) {
  napi_value args[1];
  if (!Arguments(env, info, args) || !world.open) return Fail(env, "poll: MPI is not open");
  const auto longest = nanoseconds(static_cast<int64_t>(Number(env, args[0]) * 1000));
  Clock::time_point from{};
  for (;;) {
    {
      std::lock_guard<std::mutex> guard(world.mpi);
      RefillReadSlots();
      for (int i = 0; i < kPollsPerLook; i++) {
        const int count = TakeMessages(TakeFinished(env, 0));
        if (count > 0) return FromNumber(env, count);
      }
    }
    // The clock takes as long as a look: who has something to give at once is not asked for the time.
    if (from == Clock::time_point{}) from = Clock::now();
    if (Clock::now() - from >= longest) return FromNumber(env, 0);
    if (world.yields) sched_yield();
  }
}

void SetWatching(bool watching) {
  {
    std::lock_guard<std::mutex> lock(world.watch);
    world.watching = watching;
  }
  world.changed.notify_one();
}

// watch(): call `wake` once, as soon as a poll would bring something.
napi_value StartWatching(napi_env env, napi_callback_info) {
  if (!world.open) return Fail(env, "watch: MPI is not open");
  SetWatching(true);
  return nullptr;
}

// unwatch(): the JavaScript thread polls again by itself.
napi_value EndWatching(napi_env, napi_callback_info) {
  SetWatching(false);
  return nullptr;
}

// meet(): `kAllHere` comes when every rank has called it.
napi_value Meet(napi_env env, napi_callback_info) {
  if (!world.open) return Fail(env, "meet: MPI is not open");
  std::lock_guard<std::mutex> guard(world.mpi);
  MPI_Request request;
  MPI_Ibarrier(world.small, &request);
  Track(request, {kAllHere, 0, nullptr, nullptr});
  world.meetings++;
  return nullptr;
}

// finalize(): the end of MPI in this process, after all have met and nothing is on its way.
napi_value Finalize(napi_env env, napi_callback_info) {
  if (!world.open) return Fail(env, "finalize: MPI is not open");
  StopWatching();
  world.open = false;
  RefillReadSlots();
  for (MPI_Request& request : world.slot_requests) {
    MPI_Cancel(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
  MPI_Comm_free(&world.small);
  MPI_Comm_free(&world.large);
  MPI_Finalize();
  return nullptr;
}

// abort(code): ends every process of this job, which the launcher reports with the code.
napi_value Abort(napi_env env, napi_callback_info info) {
  napi_value args[1];
  if (!Arguments(env, info, args) || !world.open) return Fail(env, "abort: MPI is not open");
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(Number(env, args[0])));
  return nullptr;
}

// library() -> the text by which this MPI names itself; may be called before `open`.
napi_value Library(napi_env env, napi_callback_info) {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  return FromText(env, text, static_cast<size_t>(length));
}

void Export(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  Set(env, exports, name, value);
}

napi_value Init(napi_env env, napi_value exports) {
  Export(env, exports, "library", Library);
  Export(env, exports, "open", Open);
  Export(env, exports, "sendSmall", SendSmall);
  Export(env, exports, "sendLarge", SendLarge);
  Export(env, exports, "receive", Receive);
  Export(env, exports, "poll", Poll);
  Export(env, exports, "watch", StartWatching);
  Export(env, exports, "unwatch", EndWatching);
  Export(env, exports, "meet", Meet);
  Export(env, exports, "finalize", Finalize);
  Export(env, exports, "abort", Abort);
  return exports;
}

}  // namespace

NAPI_MODULE(fedloom_mpi, Init)
