// One open file of one environment, as its own thread and the fetcher's threads see it.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "environment.h"
#include "file_state.h"
#include "gate.h"
#include "latency.h"
#include "passing.h"
#include "residency.h"
#include "room.h"
#include "window.h"

namespace nofault {

struct SharedFile;

struct OpenFile {
  OpenFile(int fd, uint64_t size, dev_t device, std::shared_ptr<SharedFile> shared,
           std::shared_ptr<Environment> environment, bool trusting)
      : fd(fd),
        size(size),
        device(device),
        shared(std::move(shared)),
        environment(std::move(environment)),
        state(std::make_shared<FileState>(fd, trusting)),
        windows(size),
        residency(*state) {}
  ~OpenFile() {
    state->close();
    ::close(fd);
    if (closed) closed();
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const int fd;   // POSIX_FADV_RANDOM, so that pread reads nothing else
  uint64_t size;  // as of the opening or the last `resize`; of the environment's thread alone
  const dev_t device;
  const std::shared_ptr<SharedFile> shared;  // with everybody who has the same file open
  const std::shared_ptr<Environment> environment;
  const std::shared_ptr<FileState> state;

  // Windows are placed and removed by the environment's thread under the lock; it may look without.
  std::mutex windowsMutex;
  WindowTable windows;
  std::shared_ptr<Window> shareWindow(uint64_t page) {
    std::lock_guard lock(windowsMutex);
    return windows.share(page);
  }

  // The file has another size than was thought. Windows that would be longer or shorter now must have been removed.
  void resize(uint64_t bytes) {
    std::lock_guard lock(windowsMutex);
    size = bytes;
    windows.resize(bytes);
  }

  // Called when the descriptor is closed, on whichever thread was the last to need it. Set once, by the environment's.
  std::function<void()> closed;

  // Shared with the environment's end, which comes before the file's.
  const std::shared_ptr<Gate> locks = std::make_shared<Gate>();

  // Of the environment's thread alone.
  Residency residency;

  Latency latency;
  Passing passing;
  std::atomic<uint64_t> joined{0};
  std::atomic<uint64_t> bytesFetched{0};
  // Entries of those who read on threads.
  std::atomic<uint64_t> hits{0}, misses{0}, awaited{0};

  // Of all scans on threads that begin with this file, interactive ones and others: a device that hangs keeps nobody
  // else waiting.
  Room rooms[2];
};

}  // namespace nofault
