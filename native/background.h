// Work on a thread that a promise of JavaScript waits for.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "compute_pool.h"
#include "environment.h"
#include "fetcher.h"
#include "gate.h"

namespace nofault {

// Work that waits for no device.
struct Computing {};

inline void runOn(dev_t device, std::function<void()> task) { Fetcher::instance().run(device, std::move(task)); }
inline void runOn(Computing, std::function<void()> task) { ComputePool::instance().run(std::move(task)); }

// Runs `work` on a thread, and resolves a promise to `show(env, result)`, or rejects it with what `show` throws. The
// loop stays alive meanwhile. `on` is the device that the work may have to wait for, or that it computes.
template <class On, class Work, class Show>
Napi::Value onThread(Napi::Env env, On on, Work work, Show show) {
  const std::shared_ptr<Environment> environment = Environment::of(env);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  environment->hold(env);
  runOn(on, [environment, deferred, work = std::move(work), show = std::move(show)]() mutable {
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

// Shuts a gate when its environment ends. Node detaches external buffers then, the newest first, and only afterwards
// runs hooks (docs/kernel.md): so this is a buffer, too, and newer than those whose memory stands behind the gate.
class GateKeeper {
 public:
  GateKeeper(Napi::Env env, std::shared_ptr<Gate> gate) : post_(new Post{std::move(gate)}) {
    try {
      buffer_ = Napi::Persistent(Napi::Buffer<char>::New(env, &post_->place, 1, [post = post_](Napi::Env, char*) {
        if (!post->over) post->shut();
        delete post;
      }));
    } catch (const Napi::Error&) {
      delete post_;
      throw;
    }
    // Whoever holds this may outlive the environment.
    buffer_.SuppressDestruct();
  }

  // The work is done: nothing is shut any more.
  void leave() {
    post_->over = true;
    buffer_.Reset();
  }

 private:
  struct Post {
    std::shared_ptr<Gate> gate;
    bool over = false;
    char place = 0;

    void shut() const {
      std::lock_guard lock(gate->mutex);
      gate->shut = true;
    }
  };

  Post* post_;
  Napi::Reference<Napi::Buffer<char>> buffer_;
};

// The same for work on memory that an environment takes with it when it ends: the gate is shut before.
template <class On, class Work, class Show>
Napi::Value onThreadBehind(const std::shared_ptr<Gate>& gate, Napi::Env env, On on, Work work, Show show) {
  auto keeper = std::make_shared<GateKeeper>(env, gate);
  return onThread(env, on, std::move(work), [keeper, show = std::move(show)](Napi::Env env, auto& result) mutable {
    keeper->leave();
    return show(env, result);
  });
}

}  // namespace nofault
