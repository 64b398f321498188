#include "environment.h"

#include <utility>

#include "fetcher.h"

namespace nofault {

namespace {

// Completions that wake the loop even though their request has more to come.
constexpr size_t kGather = 256;
// Numbers that describe one completion to JavaScript, as src/native/file.ts has them.
constexpr size_t kFields = 6;
// Completions handed over in one turn of the loop, so that a flood of them does not hold it.
constexpr size_t kTurn = 1024;

}  // namespace

std::shared_ptr<Environment> Environment::enter(Napi::Env env) {
  auto environment = std::make_shared<Environment>();
  napi_value name = Napi::String::New(env, "nofault");
  napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, environment.get(),
      [](napi_env raw, napi_value, void* context, void*) {
        if (raw != nullptr) static_cast<Environment*>(context)->drain(Napi::Env(raw));
      },
      &environment->toLoop_);
  napi_unref_threadsafe_function(env, environment->toLoop_);
  env.SetInstanceData<std::shared_ptr<Environment>>(new std::shared_ptr<Environment>(environment));
  // Hooks run in reverse order, so this one runs before the function above is taken down.
  env.AddCleanupHook([environment] { environment->end(); });
  return environment;
}

const std::shared_ptr<Environment>& Environment::of(Napi::Env env) {
  return *env.GetInstanceData<std::shared_ptr<Environment>>();
}

void Environment::complete(const Completion* completions, size_t count, bool urgent) {
  if (ended()) return;
  completions_.post({completions, completions + count});
  if ((gathered_ += count) >= kGather || urgent) wake();
}

void Environment::run(std::function<void(Napi::Env)> function) {
  functions_.post(std::move(function));
  // It goes here, then, and not wherever the environment's last holder is.
  if (ended()) functions_.take();
  wake();
}

void Environment::flush() {
  if (!completions_.empty() || !functions_.empty()) wake();
}

void Environment::wake() {
  if (awake_.exchange(true)) return;
  std::lock_guard lock(waking_);
  if (!ended()) napi_call_threadsafe_function(toLoop_, nullptr, napi_tsfn_nonblocking);
}

void Environment::drain(Napi::Env env) {
  // Before it looks: what comes later wakes it anew.
  awake_ = false;
  gathered_ = 0;
  std::vector<std::function<void(Napi::Env)>> functions = functions_.take();
  for (const auto& some : completions_.take()) left_.insert(left_.end(), some.begin(), some.end());
  std::vector<Completion> completions;
  if (left_.size() <= kTurn) {
    completions.swap(left_);
  } else {
    const auto middle = left_.begin() + kTurn;
    completions.assign(left_.begin(), middle);
    left_.erase(left_.begin(), middle);
    wake();
  }
  for (auto& function : functions) {
    Napi::HandleScope scope(env);
    try {
      function(env);
    } catch (const Napi::Error&) {
      // A worker that is being terminated can make no objects any more, and nobody there waits for one.
    }
  }
  if (completions.empty() || deliver_.IsEmpty()) return;
  Napi::HandleScope scope(env);
  try {
    // One array for all times: V8 would soon collect garbage for new ones.
    if (numbers_.IsEmpty()) {
      numbers_ = Napi::Reference<Napi::Float64Array>::New(Napi::Float64Array::New(env, kTurn * kFields), 1);
      numbers_.SuppressDestruct();
    }
    Napi::Float64Array numbers = numbers_.Value();
    double* at = numbers.Data();
    for (const Completion& completion : completions) {
      *at++ = completion.request;
      *at++ = completion.entry;
      *at++ = completion.error;
      *at++ = completion.badOffset;
      *at++ = completion.truncated ? 1 : 0;
      *at++ = completion.asOf;
    }
    deliver_.Call({numbers, Napi::Number::New(env, static_cast<double>(completions.size()))});
  } catch (const Napi::Error&) {
    // As above: what is called here does not throw of its own.
  }
}

void Environment::onCompletions(Napi::Function deliver) {
  deliver_ = Napi::Persistent(deliver);
  // `end` resets it; whoever holds this state for longer must not, for the environment is gone then.
  deliver_.SuppressDestruct();
}

void Environment::defineFile(Napi::FunctionReference constructor) {
  file_ = std::move(constructor);
  file_.SuppressDestruct();
}

void Environment::hold(Napi::Env env) {
  if (holds_++ == 0) napi_ref_threadsafe_function(env, toLoop_);
}

void Environment::release(Napi::Env env) {
  if (--holds_ == 0) napi_unref_threadsafe_function(env, toLoop_);
}

void Environment::end() {
  {
    std::lock_guard lock(waking_);
    ended_.store(true, std::memory_order_release);
  }
  completions_.take();
  left_.clear();
  // They may be the last to hold a file, and closing that may wait for a server.
  std::vector<std::function<void(Napi::Env)>> functions = functions_.take();
  if (!functions.empty()) Fetcher::instance().run(Fetcher::kClosing, [functions = std::move(functions)] {});
  // Node does not free them with the environment.
  deliver_.Reset();
  numbers_.Reset();
  file_.Reset();
}

}  // namespace nofault
