#include "compute_pool.h"

#include <sched.h>

#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

#include "thread.h"

namespace nofault {

namespace {

constexpr auto kLinger = std::chrono::seconds(10);
// A task takes milliseconds: where none is done for so long, all threads wait for a device.
constexpr auto kStandstill = std::chrono::milliseconds(250);
constexpr unsigned kMost = Spreading::kMost;
// A thread that is woken for work of milliseconds must not take its processor from the event loop that has just woken
// it: that would get it back with the next tick only (docs/kernel.md).
constexpr Manner kManner = Manner::yielding;

unsigned processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

}  // namespace

ComputePool& ComputePool::instance() {
  static ComputePool& pool = *new ComputePool();
  return pool;
}

ComputePool& ComputePool::ofScans() {
  static ComputePool& pool = *new ComputePool();
  return pool;
}

ComputePool::ComputePool() : processors_(processors()), most_(processors_) {}

void ComputePool::run(std::function<void()> task) {
  arrivals_.post(std::move(task));
  if (wake() || overseen_.exchange(true)) return;
  if (!startThread(
          "nofault-oversee", Manner::prompt,
          [](void* self) -> void* { return static_cast<ComputePool*>(self)->oversee(), nullptr; }, this))
    overseen_ = false;
}

// One more thread looks for work; false when there may be none.
bool ComputePool::wake() {
  if (sleepers_.wake([this](size_t number) { spreading_.send(number); })) return true;
  if (threads_.fetch_add(1) < most_ &&
      startThread(
          "nofault-compute", kManner,
          [](void* self) -> void* { return static_cast<ComputePool*>(self)->work(), nullptr; }, this))
    return true;
  --threads_;
  return false;
}

bool ComputePool::waits() {
  std::lock_guard lock(mutex_);
  return !queue_.empty() || !arrivals_.empty();
}

// As long as something waits for a thread.
void ComputePool::oversee() {
  for (uint64_t seen = done_;;) {
    std::this_thread::sleep_for(kStandstill);
    if (!waits()) {
      most_ = processors_;
      overseen_ = false;
      // Somebody may have come just now, and have taken it to be overseen.
      if (!waits() || overseen_.exchange(true)) return;
    }
    const uint64_t done = done_;
    if (done == seen && most_ < kMost) {
      ++most_;
      wake();
    }
    seen = done;
  }
}

void ComputePool::work() {
  const size_t number = sleepers_.join();
  spreading_.join(number);
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
      spreading_.begin(number);
      task();
      task = nullptr;
      ++done_;
      lock.lock();
      continue;
    }
    // Under the lock, so that whoever finds work under it finds this thread asleep.
    sleepers_.enter(number);
    lock.unlock();
    spreading_.end(number);
    if (!arrivals_.empty()) {
      sleepers_.stay(number);
    } else if (!sleepers_.sleep(number, Seat::Clock::now() + kLinger)) {
      sleepers_.resign(number);
      --threads_;
      // Somebody may have come who found no place for a thread of his own.
      if (!arrivals_.empty()) wake();
      return;
    }
    spreading_.arrive(number);
    lock.lock();
  }
}

}  // namespace nofault
