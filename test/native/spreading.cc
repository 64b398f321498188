// Threads that compute at once: they part where they can, and each may be wherever it could be before.
#include "spreading.h"

#include <sched.h>

#include <atomic>

#include "check.h"

using namespace nofault;

namespace {

cpu_set_t mine() {
  cpu_set_t processors;
  CHECK(sched_getaffinity(0, sizeof processors, &processors) == 0);
  return processors;
}

void stayOn(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
}

}  // namespace

int main() {
  const cpu_set_t everywhere = mine();
  constexpr int kRounds = 200;
  Spreading spreading;
  std::atomic<int> place{-1}, parted{0};
  std::atomic<int> joined{0}, turn{0};
  const auto await = [&](int wanted) {
    while (turn != wanted) sched_yield();
  };
  onThreads(2, [&](unsigned thread) {
    spreading.join(thread);
    for (++joined; joined < 2;) sched_yield();
    for (int round = 0; round < kRounds; ++round) {
      if (thread == 0) {
        await(4 * round);
        place = sched_getcpu();
        stayOn(place);
        spreading.begin(0);
        // Where there is one processor only, nobody is sent anywhere.
        spreading.send(1);
        turn = 4 * round + 1;
        await(4 * round + 2);
        spreading.end(0);
        CHECK(sched_setaffinity(0, sizeof everywhere, &everywhere) == 0);
        turn = 4 * round + 3;
        continue;
      }
      await(4 * round + 1);
      spreading.arrive(1);
      cpu_set_t now = mine();
      CHECK(CPU_EQUAL(&now, &everywhere));
      // As if the kernel had put it there; it may take it away at any time.
      stayOn(place);
      CHECK(sched_setaffinity(0, sizeof everywhere, &everywhere) == 0);
      spreading.begin(1);
      if (sched_getcpu() != place) ++parted;
      now = mine();
      CHECK(CPU_EQUAL(&now, &everywhere));
      spreading.end(1);
      turn = 4 * round + 2;
      await(4 * round + 3);
      turn = 4 * round + 4;
    }
  });
  if (CPU_COUNT(&everywhere) > 1) CHECK(parted > 0);
  // Where there is only one, it stays.
  stayOn(place);
  onThreads(2, [&](unsigned thread) {
    spreading.join(thread);
    for (int round = 0; round < kRounds; ++round) {
      spreading.begin(thread);
      CHECK(sched_getcpu() == place);
      spreading.end(thread);
    }
  });
}
