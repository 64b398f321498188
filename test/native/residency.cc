// The question of the loop's thread, in several environments at once, beside the watch: what is answered resident was
// mapped, and what is marked or cut off never is.
#include "residency.h"

#include <random>

#include "check.h"
#include "scratch_file.h"
#include "watch.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 3000;

void askAboutVectors(const ScratchFile& scratch, unsigned seed) {
  std::mt19937 random(seed);
  FileState counting(scratch.reading, true);
  const auto state = std::make_shared<FileState>(scratch.reading, true);
  WindowTable windows(kPages * kernel::pageSize());
  const PlacedWindow placed(state, 0, kPages);
  windows.set(0, placed.window);
  Residency residency(counting);
  for (int round = 0; round < 60; ++round) {
    std::vector<double> first, count;
    const size_t entries = 1 + random() % 900;
    uint64_t next = random() % kPages;
    for (size_t i = 0; i < entries; ++i) {
      // Neighbours, small gaps, and anywhere.
      next = random() % 3 == 0 ? random() % kPages : (next + random() % 5) % kPages;
      first.push_back(static_cast<double>(next));
      count.push_back(static_cast<double>(1 + random() % std::min<uint64_t>(12, kPages - next)));
    }
    std::vector<uint8_t> states(entries, kMissing);
    size_t hits = 0;
    for (size_t from = 0, step = 64; from < entries; from += step, step *= 2)
      hits += residency.vector(windows, first.data(), count.data(), from, std::min(from + step, entries), states.data(),
                               from > 0, random() % 2 == 0);
    size_t resident = 0;
    for (size_t i = 0; i < entries; ++i) resident += states[i] == kResident;
    CHECK(hits == resident);
    const uint64_t page = random() % kPages;
    if (residency.hit(*placed.window, page) == kResident) CHECK(load(*placed.window, page) == page + 1);
    if (random() % 4 == 0) scratch.forget();
  }
  // A stray write puts a mark on its page, and the page is never resident again.
  store(placed.window->addressOf(7), 0, 1);
  const double first[] = {5, 7, 8}, count[] = {3, 1, 1};
  uint8_t states[] = {kMissing, kMissing, kMissing};
  residency.vector(windows, first, count, 0, 3, states, false, true);
  CHECK(states[0] == kMarked && states[1] == kMarked && states[2] != kMarked);
  CHECK(residency.hit(*placed.window, 7) == kMarked);
  // What lies behind the table's end, or behind the window's, is missing.
  const double far[] = {static_cast<double>(kPages), static_cast<double>(kPages - 1), 1e9}, two[] = {1, 2, 1};
  uint8_t nothing[] = {kMissing, kMissing, kMissing};
  CHECK(residency.vector(windows, far, two, 0, 3, nothing, false, true) == 0);
}

}  // namespace

int main() {
  const ScratchFile scratch(kPages);
  onThreads(4, [&](unsigned thread) { askAboutVectors(scratch, thread + 1); });
}
