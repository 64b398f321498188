#include "environment.h"

#include <map>
#include <mutex>
#include <utility>

namespace {

std::mutex& mutex = *new std::mutex();
auto& handed = *new std::map<const nofault::Environment*, std::vector<nofault::Completion>>();

}  // namespace

namespace nofault {

// Private parts of an environment are its members' to change; here these two stand for its start and its end.
std::shared_ptr<Environment> Environment::enter(Napi::Env) { return std::make_shared<Environment>(); }

void Environment::release(Napi::Env) { end(); }

void Environment::end() { ended_.store(true, std::memory_order_release); }

void Environment::complete(const Completion* completions, size_t count, bool) {
  if (ended()) return;
  std::lock_guard lock(mutex);
  auto& known = handed[this];
  known.insert(known.end(), completions, completions + count);
}

void Environment::flush() {}

}  // namespace nofault

std::shared_ptr<nofault::Environment> startEnvironment() { return nofault::Environment::enter({}); }

void endEnvironment(nofault::Environment& environment) { environment.release({}); }

std::vector<nofault::Completion> takeCompletions(nofault::Environment& environment) {
  std::lock_guard lock(mutex);
  return std::exchange(handed[&environment], {});
}
