// For the programs in this folder: each tries one unit of native/ by itself, with the threads that it meets in a
// process, and ends with 1 at the first thing that does not hold. `npm run test:sanitize` builds and runs them.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
      _exit(1);                                                                           \
    }                                                                                     \
  } while (false)

// Runs `work(i)` on so many threads at once, to the end of all.
inline void onThreads(unsigned count, const std::function<void(unsigned)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (unsigned i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}
