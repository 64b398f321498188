#include "building.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "../arguments.h"
#include "../background.h"
#include "../fetcher.h"
#include "gathering.h"
#include "merge.h"

namespace nofault {

namespace {

using roaring::BitmapRef;
using roaring::Bytes;
using roaring::ColumnPlace;
using roaring::Failure;
using roaring::FileWriter;
using roaring::Gathering;
using roaring::kChunk;
using roaring::Merge;
using roaring::RunPlace;

// Far above what a build lets gather, and far below what would be too much for it.
constexpr uint64_t kMostHeld = uint64_t{2} << 30;
constexpr uint32_t kMostColumns = 65535;
constexpr size_t kMostRuns = 4096;

Napi::Error systemError(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, strerror(failure.error));
  error.Set("errno", Napi::Number::New(env, failure.error));
  if (failure.syscall != nullptr) error.Set("syscall", Napi::String::New(env, failure.syscall));
  return error;
}

struct Column {
  explicit Column(Gathering::Kind kind) : gathering(kind) {}

  Gathering gathering;
  bool busy = false;  // a thread works on it; set and read on the loop's thread
  int64_t lastChunk = -1;
};

// Outlives the object of JavaScript while threads work.
struct State {
  std::vector<std::unique_ptr<Column>> columns;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> written{0};  // bytes
};

// A descriptor of our own: the one that was handed over may be closed, and its number used again, while a thread
// writes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fcntl(fd, F_DUPFD_CLOEXEC, 0)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

using Descriptors = std::vector<std::unique_ptr<Descriptor>>;

struct Outcome {
  Failure failure;
  uint64_t number = 0;
  ColumnPlace place;
};

Napi::Object showRef(Napi::Env env, const BitmapRef& ref) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("offset", static_cast<double>(ref.offset));
  object.Set("length", ref.length);
  object.Set("cardinality", ref.cardinality);
  object.Set("containers", ref.containers);
  object.Set("checksum", ref.checksum);
  return object;
}

Napi::Object showPlace(Napi::Env env, const Outcome& outcome) {
  const ColumnPlace& place = outcome.place;
  Napi::Object object = Napi::Object::New(env);
  object.Set("end", static_cast<double>(outcome.number));
  object.Set("existing", showRef(env, place.existing));
  Napi::Array bits = Napi::Array::New(env, place.bits.size());
  for (uint32_t i = 0; i < place.bits.size(); ++i) bits.Set(i, showRef(env, place.bits[i]));
  object.Set("bits", bits);
  object.Set("valueCount", static_cast<double>(place.valueCount));
  object.Set("root", static_cast<double>(place.root));
  object.Set("height", static_cast<double>(place.height));
  object.Set("firstLeaf", static_cast<double>(place.firstLeaf));
  object.Set("leafCount", static_cast<double>(place.leafCount));
  return object;
}

class Build : public Napi::ObjectWrap<Build> {
 public:
  explicit Build(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Build>(info), state_(std::make_shared<State>()) {
    Napi::Env env = info.Env();
    const auto kinds = arrayOf<Napi::Uint8Array>(env, info[0]);
    if (kinds.ElementLength() > kMostColumns) throw refused(env, "so many columns");
    for (size_t i = 0; i < kinds.ElementLength(); ++i) {
      if (kinds[i] != 1 && kinds[i] != 2) throw refused(env, "a column of no kind");
      state_->columns.push_back(std::make_unique<Column>(static_cast<Gathering::Kind>(kinds[i])));
    }
  }

  Napi::Value addValues(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Column& column = columnOf(info, Gathering::Kind::values);
    const uint16_t chunk = chunkOf(env, column, info[1]);
    const auto ids = arrayOf<Napi::Uint32Array>(env, info[2]);
    const auto keys = arrayOf<Napi::Uint8Array>(env, info[3]);
    const auto ends = arrayOf<Napi::Uint32Array>(env, info[4]);
    const auto rows = static_cast<uint32_t>(std::min<size_t>(ids.ElementLength(), kChunk + 1));
    if (rows == 0 || rows > kChunk) throw refused(env, "a chunk of no rows, or too many");
    uint32_t end = 0;
    for (size_t i = 0; i < ends.ElementLength(); ++i) {
      if (ends[i] < end) throw refused(env, "keys that end before they begin");
      end = ends[i];
    }
    if (end != keys.ByteLength()) throw refused(env, "keys that do not end with their bytes");
    const uint64_t keyCount = column.gathering.keyCount() + ends.ElementLength();
    for (uint32_t row = 0; row < rows; ++row)
      if (ids[row] > keyCount) throw refused(env, "a value without a key");
    return work(
        info, column, Fetcher::kMemory,
        [chunk, ids = std::vector<uint32_t>(ids.Data(), ids.Data() + rows),
         keys = Bytes(keys.Data(), keys.Data() + keys.ByteLength()),
         ends = std::vector<uint32_t>(ends.Data(), ends.Data() + ends.ElementLength())](State&, Column& column) {
          column.gathering.addKeys(keys.data(), ends.data(), static_cast<uint32_t>(ends.size()));
          column.gathering.addValues(chunk, ids.data(), static_cast<uint32_t>(ids.size()));
          return Outcome{{}, column.gathering.held(), {}};
        },
        showNumber);
  }

  Napi::Value addNumbers(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Column& column = columnOf(info, Gathering::Kind::numbers);
    const uint16_t chunk = chunkOf(env, column, info[1]);
    const auto numbers = arrayOf<Napi::BigInt64Array>(env, info[2]);
    const auto nulls = arrayOf<Napi::Uint8Array>(env, info[3]);
    const size_t rows = numbers.ElementLength();
    if (rows == 0 || rows > kChunk || nulls.ElementLength() != rows)
      throw refused(env, "a chunk of no rows, or too many");
    return work(
        info, column, Fetcher::kMemory,
        [chunk, numbers = std::vector<int64_t>(numbers.Data(), numbers.Data() + rows),
         nulls = Bytes(nulls.Data(), nulls.Data() + rows)](State&, Column& column) {
          column.gathering.addNumbers(chunk, numbers.data(), nulls.data(), static_cast<uint32_t>(numbers.size()));
          return Outcome{{}, column.gathering.held(), {}};
        },
        showNumber);
  }

  Napi::Value spill(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Column& column = columnOf(info);
    auto to = descriptor(env, info[1]);
    const uint64_t offset = wholeOf(env, info[3]);
    return work(
        info, column, deviceOf(env, info[2]),
        [to, offset](State& state, Column& column) {
          FileWriter writer(to->fd(), offset, state.written);
          column.gathering.spill(writer);
          return Outcome{writer.failure(), writer.offset(), {}};
        },
        showNumber);
  }

  Napi::Value mergeRuns(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Column& column = columnOf(info);
    auto to = descriptor(env, info[1]);
    const uint64_t offset = wholeOf(env, info[3]);
    auto [runs, held] = runsOf(env, info[4]);
    return work(
        info, column, deviceOf(env, info[2]),
        [to, offset, runs = std::move(runs), held = held](State& state, Column& column) {
          FileWriter writer(to->fd(), offset, state.written);
          Merge merge(column.gathering.kind(), runs, state.stop);
          merge.intoRun(writer);
          return Outcome{merge.failure(), writer.offset(), {}};
        },
        showNumber);
  }

  Napi::Value writeColumn(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    Column& column = columnOf(info);
    auto to = descriptor(env, info[1]);
    const uint64_t offset = wholeOf(env, info[3]);
    auto [runs, held] = runsOf(env, info[4]);
    auto leaves = descriptor(env, info[5]);
    return work(
        info, column, deviceOf(env, info[2]),
        [to, offset, runs = std::move(runs), held = held, leaves](State& state, Column& column) {
          FileWriter writer(to->fd(), offset, state.written);
          Merge merge(column.gathering.kind(), runs, state.stop);
          Outcome outcome;
          outcome.place =
              merge.intoColumn(writer, to->fd(), column.gathering.nulls() > 0, column.gathering.slices(), leaves->fd());
          outcome.failure = merge.failure();
          outcome.number = writer.offset();
          return outcome;
        },
        showPlace);
  }

  Napi::Value nulls(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(columnOf(info).gathering.nulls()));
  }

  // The least and the greatest number.
  Napi::Value extremes(const Napi::CallbackInfo& info) {
    const Gathering& gathering = columnOf(info, Gathering::Kind::numbers).gathering;
    Napi::Array both = Napi::Array::New(info.Env(), 2);
    both.Set(uint32_t{0}, Napi::BigInt::New(info.Env(), gathering.least()));
    both.Set(uint32_t{1}, Napi::BigInt::New(info.Env(), gathering.greatest()));
    return both;
  }

  Napi::Value written(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(state_->written.load(std::memory_order_relaxed)));
  }

  void stop(const Napi::CallbackInfo&) { state_->stop.store(true, std::memory_order_relaxed); }

 private:
  Column& columnOf(const Napi::CallbackInfo& info) {
    const uint64_t index = wholeOf(info.Env(), info[0]);
    if (index >= state_->columns.size()) throw refused(info.Env(), "a column that there is not");
    Column& column = *state_->columns[index];
    if (column.busy) throw refused(info.Env(), "two things at once for a column");
    return column;
  }

  Column& columnOf(const Napi::CallbackInfo& info, Gathering::Kind kind) {
    Column& column = columnOf(info);
    if (column.gathering.kind() != kind) throw refused(info.Env(), "a column of another kind");
    return column;
  }

  static uint16_t chunkOf(Napi::Env env, Column& column, const Napi::Value& value) {
    const uint64_t chunk = wholeOf(env, value);
    if (chunk >= kChunk || static_cast<int64_t>(chunk) <= column.lastChunk) throw refused(env, "a chunk out of order");
    if (column.gathering.held() > kMostHeld) throw refused(env, "to gather more: it has to be written first");
    column.lastChunk = static_cast<int64_t>(chunk);
    return static_cast<uint16_t>(chunk);
  }

  static dev_t deviceOf(Napi::Env env, const Napi::Value& value) { return static_cast<dev_t>(wholeOf(env, value)); }

  static std::shared_ptr<Descriptor> descriptor(Napi::Env env, const Napi::Value& value) {
    const auto fd = static_cast<int>(std::min<uint64_t>(wholeOf(env, value), INT32_MAX));
    auto own = std::make_shared<Descriptor>(fd);
    if (own->fd() < 0) throw systemError(env, {errno, "dup"});
    return own;
  }

  // From triples of descriptor, offset and length.
  static std::pair<std::vector<RunPlace>, std::shared_ptr<Descriptors>> runsOf(Napi::Env env,
                                                                               const Napi::Value& value) {
    const auto numbers = arrayOf<Napi::Float64Array>(env, value);
    if (numbers.ElementLength() % 3 != 0 || numbers.ElementLength() / 3 > kMostRuns)
      throw refused(env, "so many runs, or half of one");
    auto held = std::make_shared<Descriptors>();
    std::vector<RunPlace> runs;
    for (size_t i = 0; i < numbers.ElementLength(); ++i)
      if (!(numbers[i] >= 0 && numbers[i] <= (i % 3 == 0 ? INT32_MAX : kLargestWhole)))
        throw refused(env, "a run that lies nowhere");
    for (size_t i = 0; i < numbers.ElementLength(); i += 3) {
      held->push_back(std::make_unique<Descriptor>(static_cast<int>(numbers[i])));
      if (held->back()->fd() < 0) throw systemError(env, {errno, "dup"});
      runs.push_back(
          {held->back()->fd(), static_cast<uint64_t>(numbers[i + 1]), static_cast<uint64_t>(numbers[i + 2])});
    }
    return {std::move(runs), held};
  }

  static Napi::Value showNumber(Napi::Env env, const Outcome& outcome) {
    return Napi::Number::New(env, static_cast<double>(outcome.number));
  }

  // Runs `task` on a thread, for a column that nothing else is done with until it has ended.
  template <class Task, class Show>
  Napi::Value work(const Napi::CallbackInfo& info, Column& column, dev_t device, Task task, Show show) {
    column.busy = true;
    const std::shared_ptr<State> state = state_;
    Column* const own = &column;
    return onThread(
        info.Env(), device,
        [state, own, task = std::move(task)]() mutable {
          try {
            return task(*state, *own);
          } catch (const std::bad_alloc&) {
            return Outcome{{ENOMEM, nullptr}, 0, {}};
          }
        },
        [state, own, show](Napi::Env env, const Outcome& outcome) -> Napi::Value {
          own->busy = false;
          if (outcome.failure) throw systemError(env, outcome.failure);
          return show(env, outcome);
        });
  }

  friend Napi::Function nofault::defineBuild(Napi::Env env);

  std::shared_ptr<State> state_;
};

}  // namespace

Napi::Function defineBuild(Napi::Env env) {
  return Build::DefineClass(
      env, "NativeBuild",
      {Build::InstanceMethod<&Build::addValues>("addValues"), Build::InstanceMethod<&Build::addNumbers>("addNumbers"),
       Build::InstanceMethod<&Build::spill>("spill"), Build::InstanceMethod<&Build::mergeRuns>("mergeRuns"),
       Build::InstanceMethod<&Build::writeColumn>("writeColumn"), Build::InstanceMethod<&Build::nulls>("nulls"),
       Build::InstanceMethod<&Build::extremes>("extremes"), Build::InstanceMethod<&Build::written>("written"),
       Build::InstanceMethod<&Build::stop>("stop")});
}

}  // namespace nofault
