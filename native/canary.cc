#include "canary.h"

#include <sys/mman.h>

#include "kernel.h"

namespace nofault {

namespace {

// The largest file that its file system allows is not known, so the page is looked for from far out inwards.
constexpr int kFarthest = 62, kNearest = 30;

}  // namespace

void* placeCanary(int fd) {
  for (int power = kFarthest; power >= kNearest; --power) {
    const off_t offset = off_t{1} << power;
    // The last page before it: a file system's limit is often a power of two.
    void* at =
        mmap(nullptr, kernel::pageSize(), PROT_READ, MAP_SHARED, fd, offset - static_cast<off_t>(kernel::pageSize()));
    if (at != MAP_FAILED) return at;
  }
  return nullptr;
}

void removeCanary(void* canary) {
  if (canary != nullptr) munmap(canary, kernel::pageSize());
}

bool sings(const void* canary) {
  unsigned char state = 0;
  return canary != nullptr && kernel::cached(canary, kernel::pageSize(), &state) && (state & 1) == 0;
}

}  // namespace nofault
