// What scans have passed over, noted by several threads at once: pages that somebody else has hit stay as they are.
#include "passing.h"

#include <unistd.h>

#include "check.h"
#include "scratch_file.h"

using namespace nofault;

int main() {
  constexpr uint64_t kPages = 64, kHit = 20;
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  const PlacedWindow placed(state, 0, kPages);
  Window& window = *placed.window;
  CHECK(kernel::populate(window.base, kPages * kernel::pageSize()) == 0);
  window.note(kHit, 1, now());
  Passing passing;
  onThreads(4, [&](unsigned) {
    // More than may be on their way at once, so that the first are passed over.
    for (int i = 0; i < 400; ++i) passing.arrived(placed.window, 0, kPages);
  });
  // Cold pages stay where they are until memory is short.
  for (uint64_t page = 0; page < kPages; ++page) CHECK(load(window, page) == page + 1);
  // A window that is given up meanwhile is left alone.
  onThreads(3, [&](unsigned thread) {
    for (int i = 0; i < 100; ++i) {
      const PlacedWindow other(state, 0, kPages);
      passing.arrived(other.window, thread, kPages - thread);
    }
  });
}
