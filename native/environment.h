// What belongs to one JavaScript environment (the main thread's or a worker's), and how other threads reach its event
// loop.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mailbox.h"

namespace nofault {

// One entry of one request has been served or has failed.
struct Completion {
  double request;
  uint32_t entry;
  int error;         // errno, or 0
  double badOffset;  // bytes; -1 where nothing is bad
  bool truncated;    // the file ended before the entry did
  double asOf;       // when all of it was found to be mapped, by the boards' clock; NaN if it was not
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  // Makes the environment's state when the addon is loaded into it, and ends it with the environment.
  static std::shared_ptr<Environment> enter(Napi::Env env);
  // The state of a running environment.
  static const std::shared_ptr<Environment>& of(Napi::Env env);

  // --- from any thread ---

  // Hands completions to the loop. One wake-up serves many: the loop is woken at once if `urgent`, otherwise when
  // enough have gathered or with the next `flush`.
  void complete(const Completion* completions, size_t count, bool urgent);
  // Runs a function on the loop, with its environment. Dropped when the environment has ended.
  void run(std::function<void(Napi::Env)> function);
  // Wakes the loop for completions that wait.
  void flush();
  // Whether it has ended. A worker may end while its requests are in flight.
  bool ended() const { return ended_.load(std::memory_order_acquire); }

  // --- from the loop's thread ---

  void onCompletions(Napi::Function deliver);
  // Bytes of windows that V8 has not been told of again yet.
  void owe(int64_t bytes) { owed_ += bytes; }
  int64_t owed() { return std::exchange(owed_, 0); }
  // Windows that have not been placed yet, and those that were given up while views of them may live, by address; what
  // is remembered of each is its room's business.
  std::unordered_map<void*, void*> windowsNotPlaced;
  // The class of open files, and a new one of it.
  void defineFile(Napi::FunctionReference constructor);
  Napi::Object newFile(Napi::Value made) { return file_.New({made}); }
  // The loop stays alive between hold and release, which are counted.
  void hold(Napi::Env env);
  void release(Napi::Env env);

 private:
  void drain(Napi::Env env);
  void wake();
  void end();

  napi_threadsafe_function toLoop_ = nullptr;
  Napi::Reference<Napi::Float64Array> numbers_;  // what it is called with
  Napi::FunctionReference deliver_;
  Napi::FunctionReference file_;
  unsigned holds_ = 0;
  int64_t owed_ = 0;

  // Nothing that threads hold is waited for by the loop, until it ends.
  Mailbox<std::vector<Completion>> completions_;
  Mailbox<std::function<void(Napi::Env)>> functions_;
  std::atomic<size_t> gathered_{0};  // completions that the loop has not been woken for, about
  std::atomic<bool> awake_{false};   // a wake-up is under way
  std::mutex waking_;                // held by who wakes it: it must not end meanwhile
  std::atomic<bool> ended_{false};
  std::vector<Completion> left_;  // the loop's: more than it has handed over in one turn
};

}  // namespace nofault
