#include "compute_pool.h"

#include <pthread.h>
#include <sched.h>

#include <chrono>
#include <iterator>
#include <utility>

#include "thread.h"

namespace nofault {

namespace {

constexpr auto kLinger = std::chrono::seconds(10);

unsigned processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

// A thread that is woken for work of milliseconds must not take its processor from the event loop that has just woken
// it: that would get it back with the next tick only (docs/kernel.md). It has its full share nonetheless.
void yieldToLoops() {
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

}  // namespace

ComputePool& ComputePool::instance() {
  static ComputePool& pool = *new ComputePool();
  return pool;
}

ComputePool::ComputePool() : most_(processors()) {}

void ComputePool::run(std::function<void()> task) {
  arrivals_.post(std::move(task));
  wake();
}

// One more thread looks for work, if there may be one.
void ComputePool::wake() {
  if (sleepers_.wake()) return;
  if (threads_.fetch_add(1) >= most_ ||
      !startThread(
          "nofault-compute", [](void* self) -> void* { return static_cast<ComputePool*>(self)->work(), nullptr; },
          this))
    --threads_;
}

void ComputePool::work() {
  yieldToLoops();
  const size_t number = sleepers_.join();
  std::unique_lock lock(mutex_);
  for (;;) {
    std::vector<std::function<void()>> arrivals = arrivals_.take();
    queue_.insert(queue_.end(), std::make_move_iterator(arrivals.begin()), std::make_move_iterator(arrivals.end()));
    if (!queue_.empty()) {
      std::function<void()> task = std::move(queue_.front());
      queue_.pop_front();
      // Whoever was woken for the others may have found nothing yet.
      if (!queue_.empty()) wake();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      continue;
    }
    // Under the lock, so that whoever finds work under it finds this thread asleep.
    sleepers_.enter(number);
    lock.unlock();
    if (!arrivals_.empty()) {
      sleepers_.stay(number);
    } else if (!sleepers_.sleep(number, Seat::Clock::now() + kLinger)) {
      sleepers_.resign(number);
      --threads_;
      // Somebody may have come who found no place for a thread of his own.
      if (!arrivals_.empty()) wake();
      return;
    }
    lock.lock();
  }
}

}  // namespace nofault
