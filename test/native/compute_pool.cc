// Work that several threads leave at the pool, some of which leaves more of it: all of it is done, and that of one
// thread is begun in its order where the pool is one thread wide; and some behind work that does not end.
#include "compute_pool.h"

#include <sched.h>

#include <chrono>
#include <thread>
#include <vector>

#include "check.h"

using namespace nofault;

int main() {
  // One processor, so that there is one thread and an order.
  cpu_set_t before, one;
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  ComputePool& pool = ComputePool::instance();
  CHECK(sched_setaffinity(0, sizeof before, &before) == 0);

  constexpr unsigned kThreads = 4;
  constexpr int kTasks = 5000;
  std::atomic<int> done{0};
  std::vector<int> order[kThreads];
  onThreads(kThreads, [&](unsigned thread) {
    for (int i = 0; i < kTasks; ++i) {
      pool.run([&, thread, i] {
        order[thread].push_back(i);
        if (i % 10 == 0) pool.run([&] { ++done; });
        ++done;
      });
      // So that it falls asleep in between.
      if (i % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  constexpr int kAll = static_cast<int>(kThreads) * (kTasks + kTasks / 10);
  for (int waited = 0; done < kAll && waited < 30'000; ++waited)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(done == kAll);
  for (const auto& mine : order) {
    CHECK(mine.size() == kTasks);
    for (int i = 0; i < kTasks; ++i) CHECK(mine[static_cast<size_t>(i)] == i);
  }

  // Three that wait for a device, as it were, and one behind them.
  std::atomic<bool> back{false}, behind{false};
  std::atomic<int> over{0};
  for (int i = 0; i < 3; ++i)
    pool.run([&] {
      while (!back) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++over;
    });
  pool.run([&] { behind = true; });
  for (int waited = 0; !behind && waited < 30'000; ++waited) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(behind && over == 0);
  // Scans have threads of their own.
  std::atomic<bool> scanned{false};
  ComputePool::ofScans().run([&] { scanned = true; });
  for (int waited = 0; !scanned && waited < 30'000; ++waited) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(scanned && over == 0);
  back = true;
  for (int waited = 0; over < 3 && waited < 30'000; ++waited) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(over == 3);
}
