// One open file of one environment, as its own thread and the fetcher's threads see it.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "environment.h"
#include "residency.h"
#include "window.h"

namespace nofault {

struct SharedFile;

struct OpenFile {
  OpenFile(int fd, uint64_t size, dev_t device, std::shared_ptr<SharedFile> shared,
           std::shared_ptr<Environment> environment)
      : fd(fd),
        size(size),
        device(device),
        shared(std::move(shared)),
        environment(std::move(environment)),
        windows(size) {}
  ~OpenFile() { ::close(fd); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const int fd;  // POSIX_FADV_RANDOM, so that pread reads nothing else
  const uint64_t size;
  const dev_t device;
  const std::shared_ptr<SharedFile> shared;  // with everybody who has the same file open
  const std::shared_ptr<Environment> environment;

  // Windows are placed and removed by the environment's thread under the lock; it may look without.
  std::mutex windowsMutex;
  WindowTable windows;
  std::shared_ptr<Window> shareWindow(uint64_t page) {
    std::lock_guard lock(windowsMutex);
    return windows.share(page);
  }

  // Of the environment's thread alone.
  Residency residency;

  std::atomic<uint64_t> joined{0};
  std::atomic<uint64_t> bytesFetched{0};
};

}  // namespace nofault
