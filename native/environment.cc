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
  std::lock_guard lock(mutex_);
  if (ended()) return;
  completions_.insert(completions_.end(), completions, completions + count);
  if (urgent || completions_.size() >= kGather) wake();
}

void Environment::run(std::function<void(Napi::Env)> function) {
  std::lock_guard lock(mutex_);
  if (ended()) return;
  functions_.push_back(std::move(function));
  wake();
}

void Environment::flush() {
  std::lock_guard lock(mutex_);
  if (!ended() && (!completions_.empty() || !functions_.empty())) wake();
}

// With mutex_ held, so that the environment cannot end in between.
void Environment::wake() {
  if (std::exchange(awake_, true)) return;
  napi_call_threadsafe_function(toLoop_, nullptr, napi_tsfn_nonblocking);
}

void Environment::drain(Napi::Env env) {
  std::vector<Completion> completions;
  std::vector<std::function<void(Napi::Env)>> functions;
  {
    std::lock_guard lock(mutex_);
    awake_ = false;
    functions.swap(functions_);
    if (completions_.size() <= kTurn) {
      completions.swap(completions_);
    } else {
      const auto middle = completions_.begin() + kTurn;
      completions.assign(completions_.begin(), middle);
      completions_.erase(completions_.begin(), middle);
      wake();
    }
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
  std::lock_guard lock(mutex_);
  ended_.store(true, std::memory_order_release);
  completions_.clear();
  // They may be the last to hold a file, and closing that may wait for a server.
  if (!functions_.empty()) Fetcher::instance().run(Fetcher::kClosing, [functions = std::exchange(functions_, {})] {});
  // Node does not free them with the environment.
  deliver_.Reset();
  numbers_.Reset();
  file_.Reset();
}

}  // namespace nofault
