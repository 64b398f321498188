// Registration: what the addon offers to JavaScript (Addon in src/native.ts), and what it brings into each environment.
#include <napi.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "arguments.h"
#include "board.h"
#include "caching.h"
#include "environment.h"
#include "examination.h"
#include "fetcher.h"
#include "file.h"
#include "file_locks.h"
#include "file_windows.h"
#include "guard.h"
#include "inspection.h"
#include "kernel.h"
#include "roaring/roaring.h"
#include "watch.h"
#include "window.h"

namespace nofault {

namespace {

// Windows that one process may have mapped: half of its mappings, the rest is everybody else's.
uint64_t maxWindows() { return std::min<uint64_t>(kernel::maxMappings() / 2, guard::kMostWindows); }

void onCompletions(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw refused(info.Env(), "to deliver to what is no function");
  Environment::of(info.Env())->onCompletions(info[0].As<Napi::Function>());
}

void keepAlive(const Napi::CallbackInfo& info) {
  const auto& environment = Environment::of(info.Env());
  info[0].ToBoolean() ? environment->hold(info.Env()) : environment->release(info.Env());
}

void configure(const Napi::CallbackInfo& info) {
  const uint32_t maxThreads = whole32Of(info.Env(), info[0]);
  const uint64_t maxBytes = wholeOf(info.Env(), info[1]);
  if (maxThreads == 0 || maxBytes == 0) throw refused(info.Env(), "to do without threads, or without bytes");
  Fetcher::instance().configure(maxThreads, maxBytes);
}

Napi::Value windowCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(mappedWindows.load()));
}

void account(const Napi::CallbackInfo& info) {
  int64_t total = 0;
  napi_adjust_external_memory(info.Env(), Environment::of(info.Env())->owed(), &total);
}

Napi::Value clock(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), nowExactly()); }

Napi::Value placedWindowCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(placedWindows.load()));
}

Napi::Value countsPages(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), kernel::abilities().cachestat);
}

void guardAgain(const Napi::CallbackInfo&) { guard::install(); }

void patrol(const Napi::CallbackInfo&) { Watch::instance().patrol(); }

Napi::Value map(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const size_t length = wholeOf(env, info[0]);
  if (length == 0 || length > kWindowLength) throw refused(env, "to map more than a window, or nothing");
  void* at = mmap(nullptr, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    Napi::Error error = Napi::Error::New(env, "no room for a window");
    error.Set("errno", Napi::Number::New(env, errno));
    error.Set("syscall", Napi::String::New(env, "mmap"));
    throw error;
  }
  return Napi::Buffer<char>::New(env, static_cast<char*>(at), length,
                                 [length](Napi::Env, char* data) { munmap(data, length); });
}

Napi::Object load(Napi::Env env, Napi::Object exports) {
  const std::shared_ptr<Environment> environment = Environment::enter(env);
  guard::install();
  environment->defineFile(File::define(env));
  env.AddCleanupHook([environment] { Fetcher::instance().forget(*environment); });
  exports.Set("pageSize", Napi::Number::New(env, static_cast<double>(kernel::pageSize())));
  exports.Set("maxWindows", Napi::Number::New(env, static_cast<double>(maxWindows())));
  exports.Set("windowStride", Napi::Number::New(env, static_cast<double>(kWindowStride)));
  exports.Set("windowLength", Napi::Number::New(env, static_cast<double>(kWindowLength)));
  exports.Set("oldestVerdict", Napi::Number::New(env, kOldest));
  exports.Set("clock", Napi::Function::New<clock>(env, "clock"));
  // The watch is never destroyed.
  std::atomic<int32_t>& beat = Watch::instance().beat;
  exports.Set("beat",
              Napi::Buffer<char>::New(env, reinterpret_cast<char*>(&beat), sizeof beat, [](Napi::Env, char*) {}));
  exports.Set("beatLength", Napi::Number::New(env, Watch::kBeat));
  exports.Set("onCompletions", Napi::Function::New<onCompletions>(env, "onCompletions"));
  exports.Set("keepAlive", Napi::Function::New<keepAlive>(env, "keepAlive"));
  exports.Set("configure", Napi::Function::New<configure>(env, "configure"));
  exports.Set("windowCount", Napi::Function::New<windowCount>(env, "windowCount"));
  exports.Set("placedWindowCount", Napi::Function::New<placedWindowCount>(env, "placedWindowCount"));
  exports.Set("account", Napi::Function::New<account>(env, "account"));
  exports.Set("adopt", Napi::Function::New<adopt>(env, "adopt"));
  exports.Set("detach", Napi::Function::New<detachLeft>(env, "detach"));
  exports.Set("isRead", Napi::Function::New<isRead>(env, "isRead"));
  exports.Set("join", Napi::Function::New<join>(env, "join"));
  exports.Set("findRoom", Napi::Function::New<findRoomToLock>(env, "findRoom"));
  exports.Set("guard", Napi::Function::New<guardAgain>(env, "guard"));
  exports.Set("patrol", Napi::Function::New<patrol>(env, "patrol"));
  exports.Set("map", Napi::Function::New<map>(env, "map"));
  exports.Set("probe", Napi::Function::New<probeMachineOrFile>(env, "probe"));
  exports.Set("countsPages", Napi::Function::New<countsPages>(env, "countsPages"));
  exports.Set("survey", Napi::Function::New<surveyFiles>(env, "survey"));
  exports.Set("openFolder", Napi::Function::New<openFolder>(env, "openFolder"));
  exports.Set("readFolder", Napi::Function::New<readFolder>(env, "readFolder"));
  exports.Set("closeFolder", Napi::Function::New<closeFolder>(env, "closeFolder"));
  exports.Set("openCached", Napi::Function::New<openCached>(env, "openCached"));
  exports.Set("residencyOf", Napi::Function::New<residencyOf>(env, "residencyOf"));
  exports.Set("missing", Napi::Function::New<findMissing>(env, "missing"));
  exports.Set("bringIn", Napi::Function::New<bringIn>(env, "bringIn"));
  exports.Set("drop", Napi::Function::New<drop>(env, "drop"));
  exports.Set("closeCached", Napi::Function::New<closeCached>(env, "closeCached"));
  exports.Set("open", Napi::Function::New<File::open>(env, "open"));
  defineRoaring(env, exports);
  return exports;
}

}  // namespace

}  // namespace nofault

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return nofault::load(env, exports); }

NODE_API_MODULE(nofault, Init)
