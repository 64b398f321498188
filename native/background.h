// Work on a thread that a promise of JavaScript waits for.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "environment.h"
#include "fetcher.h"
#include "gate.h"

namespace nofault {

// Runs `work` on a thread, and resolves a promise to `show(env, result)`, or rejects it with what `show` throws. The
// loop stays alive meanwhile. `device` is what the work may have to wait for.
template <class Work, class Show>
Napi::Value onThread(Napi::Env env, dev_t device, Work work, Show show) {
  const std::shared_ptr<Environment> environment = Environment::of(env);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  environment->hold(env);
  Fetcher::instance().run(device, [environment, deferred, work = std::move(work), show = std::move(show)]() mutable {
    auto result = std::make_shared<decltype(work())>(work());
    environment->run([environment, deferred, result, show = std::move(show)](Napi::Env env) mutable {
      environment->release(env);
      try {
        deferred->Resolve(show(env, *result));
      } catch (const Napi::Error& error) {
        deferred->Reject(error.Value());
      }
    });
  });
  return deferred->Promise();
}

// The same for work on memory that an environment takes with it when it ends: the gate is shut before. Hooks run in
// reverse order, so one that is added now runs before those of the windows' buffers, which are older.
template <class Work, class Show>
Napi::Value onThreadBehind(const std::shared_ptr<Gate>& gate, Napi::Env env, dev_t device, Work work, Show show) {
  auto shut = [gate] {
    std::lock_guard lock(gate->mutex);
    gate->shut = true;
  };
  auto hook = env.AddCleanupHook(std::function<void()>(std::move(shut)));
  return onThread(env, device, std::move(work), [hook, show = std::move(show)](Napi::Env env, auto& result) mutable {
    hook.Remove(env);
    return show(env, result);
  });
}

}  // namespace nofault
