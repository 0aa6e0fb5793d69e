#include "world.h"

#include <sched.h>

#include <chrono>
#include <cstdint>

World world;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::nanoseconds;

// Between two looks at the clock.
constexpr int kPollsPerLook = 8;
// One poll waits for so long at most: nothing else of its thread runs meanwhile.
constexpr nanoseconds kSpin = microseconds(20);
// So long an answer is worth more than the core, though somebody else may need it.
constexpr nanoseconds kSpinAlone = microseconds(4);

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

// A process that ends with a thread inside MPI may hang or crash.
void CleanUp(void*) { StopWatching(); }

// open(wake, events, slots, queue, outgoing) -> { rank, size, localSize, tagMax, library, hosts }. Every rank must call it.
napi_value Open(napi_env env, napi_callback_info info) {
  napi_value args[5];
  if (!Arguments(env, info, args)) return Fail(env, "open needs a function and four arrays");
  void* shared[4];
  const size_t needed[4] = {kEventsMax * kNumbersPerEvent, kSlots * kSmallBytesMax, 1 + kQueuedMax * kNumbersPerQueued,
                            kQueuedMax * kSmallBytesMax};
  for (int i = 0; i < 4; i++) {
    size_t length = 0;
    napi_get_typedarray_info(env, args[i + 1], nullptr, &length, &shared[i], nullptr, nullptr);
    if (length < needed[i]) return Fail(env, "open: an array is too short");
    // For as long as this process lives: they are written to.
    napi_ref kept;
    napi_create_reference(env, args[i + 1], 1, &kept);
  }
  world.events = static_cast<double*>(shared[0]);
  world.slots = static_cast<char*>(shared[1]);
  world.queue = static_cast<double*>(shared[2]);
  world.outgoing = static_cast<char*>(shared[3]);

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

napi_ref Hold(napi_env env, napi_value value) {
  napi_ref reference = nullptr;
  napi_create_reference(env, value, 1, &reference);
  return reference;
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
  std::lock_guard<std::mutex> guard(world.mpi);
  StartQueued();
  Announce(rank, tag, length);
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

// flush(): starts what is queued.
napi_value Flush(napi_env env, napi_callback_info) {
  if (!world.open) return Fail(env, "flush: MPI is not open");
  std::lock_guard<std::mutex> guard(world.mpi);
  StartQueued();
  return nullptr;
}

// poll(): starts what is queued -> how many events there are, after at most `kSpin` if there are none. The slots of the last
// poll's are filled again.
napi_value Poll(napi_env env, napi_callback_info) {
  if (!world.open) return Fail(env, "poll: MPI is not open");
  int count = 0;
  Clock::time_point from{};
  for (;;) {
    {
      std::lock_guard<std::mutex> guard(world.mpi);
      StartQueued();
      RefillReadSlots();
      for (int i = 0; i < kPollsPerLook && count == 0; i++) count = TakeEvents(env);
    }
    if (count > 0) break;
    // The clock takes as long as a look: who has something to give at once is not asked for the time.
    const auto now = Clock::now();
    if (from == Clock::time_point{}) from = now;
    if (now - from >= kSpin) break;
    if (world.yields && now - from >= kSpinAlone) sched_yield();
  }
  napi_value value;
  napi_create_int32(env, count, &value);
  return value;
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
  StartQueued();
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
  StartQueued();
  // Small messages, which are on their way whether they are received or not.
  MPI_Waitall(static_cast<int>(world.requests.size()), world.requests.data(), MPI_STATUSES_IGNORE);
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
  Export(env, exports, "flush", Flush);
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
