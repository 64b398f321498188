#include "file_locks.h"

#include <cstring>
#include <utility>
#include <vector>

#include "arguments.h"
#include "background.h"
#include "errors.h"
#include "fetcher.h"
#include "kernel.h"
#include "lock.h"

namespace nofault {

namespace {

Napi::Value showEdges(Napi::Env env, const Edges& edges) {
  auto numbers = Napi::Float64Array::New(env, edges.size());
  if (!edges.empty()) memcpy(numbers.Data(), edges.data(), edges.size() * sizeof(double));
  return numbers;
}

Napi::Value showRefusal(Napi::Env env, const std::optional<LockRefusal>& refusal) {
  if (!refusal) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("errno", refusal->error);
  if (refusal->limit == LockRefusal::Limit::memory) object.Set("limit", "RLIMIT_MEMLOCK");
  if (refusal->limit == LockRefusal::Limit::mappings) object.Set("limit", "vm.max_map_count");
  object.Set("allowed", refusal->allowed);
  object.Set("locked", refusal->locked);
  object.Set("reached", static_cast<double>(refusal->reached));
  return object;
}

// Sorted runs in the file, every window of which has been placed.
Edges edgesOf(const Napi::CallbackInfo& info, OpenFile& file) {
  Napi::Env env = info.Env();
  auto numbers = arrayOf<Napi::Float64Array>(env, info[0]);
  Edges edges(numbers.Data(), numbers.Data() + numbers.ElementLength());
  const uint64_t filePages = (file.size + kernel::pageSize() - 1) / kernel::pageSize();
  const auto pages = static_cast<double>(filePages);
  double last = -1;
  for (const double edge : edges) {
    if (!(edge > last && edge <= pages)) throw refused(env, "runs that are not sorted or do not lie in the file");
    last = edge;
  }
  if (edges.size() % 2 != 0) throw refused(env, "half a run");
  const uint64_t strideInPages = kWindowStride / kernel::pageSize();
  const auto stride = static_cast<double>(strideInPages);
  for (size_t i = 0; i < edges.size(); i += 2) {
    for (auto index = static_cast<uint64_t>(edges[i] / stride); static_cast<double>(index) * stride < edges[i + 1];
         ++index)
      if (!file.windows.at(index)) throw refused(env, "pages whose window has not been placed");
  }
  return edges;
}

}  // namespace

Napi::Value join(const Napi::CallbackInfo& info) {
  auto first = arrayOf<Napi::Float64Array>(info.Env(), info[0]);
  auto count = arrayOf<Napi::Float64Array>(info.Env(), info[1]);
  if (first.ElementLength() != count.ElementLength()) throw refused(info.Env(), "arrays of two lengths");
  const double *firsts = first.Data(), *counts = count.Data();
  const size_t length = first.ElementLength();
  // A million numbers are not copied on the loop. Nobody changes a vector once it has been checked.
  struct Kept {
    Napi::Reference<Napi::Float64Array> first, count;
  };
  auto kept = std::make_shared<Kept>(Kept{Napi::Persistent(first), Napi::Persistent(count)});
  kept->first.SuppressDestruct();
  kept->count.SuppressDestruct();
  const auto gate = std::make_shared<Gate>();
  return onThreadBehind(
      gate, info.Env(), Fetcher::kMemory,
      [gate, firsts, counts, length] {
        std::lock_guard lock(gate->mutex);
        return gate->shut ? Edges() : joinRuns(firsts, counts, length);
      },
      [kept](Napi::Env env, const Edges& edges) {
        kept->first.Reset();
        kept->count.Reset();
        return showEdges(env, edges);
      });
}

Napi::Value findRoomToLock(const Napi::CallbackInfo& info) {
  const uint64_t bytes = wholeOf(info.Env(), info[0]);
  const uint32_t cuts = whole32Of(info.Env(), info[1]);
  return onThread(
      info.Env(), Fetcher::kMemory, [bytes, cuts] { return findRoom(bytes, cuts); }, showRefusal);
}

Napi::Value lockPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file) {
  return onThreadBehind(
      file->locks, info.Env(), Fetcher::kMemory,
      [file, edges = edgesOf(info, *file), cuts = whole32Of(info.Env(), info[1])] {
        return lockRuns(*file, edges, cuts);
      },
      showRefusal);
}

Napi::Value unlockPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file) {
  return onThreadBehind(
      file->locks, info.Env(), Fetcher::kMemory,
      [file, edges = edgesOf(info, *file), cuts = whole32Of(info.Env(), info[1])] {
        return unlockRuns(*file, edges, cuts);
      },
      showRefusal);
}

Napi::Value confirmPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file) {
  return onThreadBehind(
      file->locks, info.Env(), file->device, [file, edges = edgesOf(info, *file)] { return confirmRuns(*file, edges); },
      [](Napi::Env env, const std::optional<Lost>& lost) -> Napi::Value {
        if (!lost) return env.Undefined();
        Napi::Object object = Napi::Object::New(env);
        object.Set("page", static_cast<double>(lost->page.page));
        object.Set("errno", lost->page.error);
        object.Set("truncated", lost->page.truncated);
        object.Set("marked", lost->marked);
        return object;
      });
}

Napi::Value endPageLocks(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file) {
  auto indexes = arrayOf<Napi::Float64Array>(info.Env(), info[0]);
  std::vector<uint64_t> windows;
  for (size_t i = 0; i < indexes.ElementLength(); ++i) {
    if (!(indexes[i] >= 0 && indexes[i] < static_cast<double>(file->windows.count())))
      throw refused(info.Env(), "a window that the file does not have");
    windows.push_back(static_cast<uint64_t>(indexes[i]));
  }
  return onThreadBehind(
      file->locks, info.Env(), Fetcher::kMemory,
      [file, windows = std::move(windows)] {
        endLocks(*file, windows);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace nofault
