#include "file_state.h"

#include <sys/mman.h>

#include "file_system.h"
#include "kernel.h"

namespace nofault {

namespace {

// The largest file that its file system allows is not known, so the page is looked for from far out inwards.
constexpr int kFarthest = 62, kNearest = 30;

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

}  // namespace

FileState::FileState(int fd, bool trusting)
    : canary_(placeCanary(fd)),
      fd(fd),
      watched(trusting && fileSystemOf(fd).local &&
              (kernel::abilities().movePages || kernel::abilities().scan || truthful())),
      shallow(fileSystemOf(fd).shallow),
      blind(!kernel::abilities().movePages && !truthful()),
      readsNow(kernel::canReadNow(fd)) {}

void FileState::close() {
  fd = -1;
  if (void* canary = canary_.exchange(nullptr)) munmap(canary, kernel::pageSize());
}

bool FileState::truthful() const {
  unsigned char state = 0;
  const void* canary = canary_.load();
  return canary != nullptr && kernel::cached(canary, kernel::pageSize(), &state) && (state & 1) == 0;
}

void FileState::record(Mark mark, uint64_t page) {
  shared.marks.fetch_add(1);
  if (shared.pending.load() != 0 || recording_.exchange(true)) return;
  shared.mark = static_cast<double>(mark);
  shared.page = static_cast<double>(page);
  shared.pending = 1;
  recording_ = false;
}

}  // namespace nofault
