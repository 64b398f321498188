#include "file_state.h"

#include "canary.h"
#include "file_system.h"
#include "kernel.h"

namespace nofault {

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
  removeCanary(canary_.exchange(nullptr));
}

bool FileState::truthful() const { return sings(canary_.load()); }

void FileState::record(Mark mark, uint64_t page) {
  shared.marks.fetch_add(1);
  if (shared.pending.load() != 0 || recording_.exchange(true)) return;
  shared.mark = static_cast<double>(mark);
  shared.page = static_cast<double>(page);
  shared.pending = 1;
  recording_ = false;
}

}  // namespace nofault
