// What each sanitizer must report. Tried before everything else: one that finds nothing here would find nothing at all.
#include <climits>
#include <cstring>
#include <thread>

#include "check.h"

namespace {

int shared = 0;

void race() {
  std::thread other([] { ++shared; });
  ++shared;
  other.join();
}

void useAfterFree() {
  auto* byte = new volatile int(1);
  // By another name, so that no compiler sees it.
  auto* volatile same = byte;
  delete byte;
  shared = *same;  // NOLINT(clang-analyzer-cplusplus.NewDelete)
}

void overflow(int most) { shared = most + 1; }

}  // namespace

int main(int count, char** words) {
  CHECK(count == 2);
  if (strcmp(words[1], "race") == 0) race();
  if (strcmp(words[1], "use after free") == 0) useAfterFree();
  if (strcmp(words[1], "overflow") == 0) overflow(INT_MAX);
}
