// Work that several threads have done aside, while the machine has room and while it has none: each piece is done once,
// by the time that whoever asked for it goes on; and the threads that did it end with those that they worked for.
#include "aside.h"

#include <dirent.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"

using namespace nofault;

namespace {

constexpr unsigned kThreads = 4;

int threads() {
  DIR* folder = opendir("/proc/self/task");
  CHECK(folder != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(folder);
  return count;
}

// Returns how many pieces were done by others than who asked.
int askFor(int pieces, std::chrono::microseconds length) {
  std::atomic<int> by{0};
  onThreads(kThreads, [&](unsigned) {
    int done = 0;
    for (int i = 0; i < pieces; ++i) {
      // Its own, and not atomic: who asks waits.
      aside([&] {
        ++done;
        if (isAside()) ++by;
        CHECK(!isAside() || sched_getscheduler(0) == SCHED_IDLE);
        for (const auto end = std::chrono::steady_clock::now() + length; std::chrono::steady_clock::now() < end;) {
        }
      });
      CHECK(done == i + 1 && !isAside());
    }
  });
  return by;
}

}  // namespace

int main() {
  // With the first thread come those of a sanitizer.
  onThreads(1, [](unsigned) {});
  const int before = threads();
  // A machine that is busy just now is one that will not be.
  int by = 0;
  for (int tries = 0; by == 0 && tries < 100; ++tries) by = askFor(2000, std::chrono::microseconds(10));
  CHECK(by > 0);

  // One processor, of which others take what they can get.
  cpu_set_t everywhere, one;
  CHECK(sched_getaffinity(0, sizeof everywhere, &everywhere) == 0);
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &everywhere)) CPU_SET(i, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  std::atomic<bool> over{false};
  std::thread hog([&] {
    while (!over) {
    }
  });
  askFor(100, std::chrono::milliseconds(1));
  over = true;
  hog.join();
  CHECK(sched_setaffinity(0, sizeof everywhere, &everywhere) == 0);

  for (int waited = 0; threads() > before && waited < 30'000; ++waited)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(threads() <= before);
}
