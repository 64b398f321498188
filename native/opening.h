// Opening a file without ever waiting for it on the loop, and without side effects on what is no regular file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace nofault {

struct Opening {
  int fd = -1;
  int error = 0;
  const char* syscall = nullptr;
  const char* kind = nullptr;  // what it is instead of a regular file
  struct stat status {};
  std::string path;
};

// By path. A FIFO without a writer or a device that hangs does not delay it.
Opening openPath(const std::string& path);

// By a path that is looked up, symbolic links and all, as if `root` were `/`: nothing outside of it is opened.
Opening openBelow(const std::string& root, const std::string& path);

// The file behind a descriptor, which is closed: with read-ahead settings of its own where that can be had.
Opening openDescriptor(int duplicate);

// What became of an open file, and whether a path still names it (not asked when the path is empty).
struct Look {
  int error = 0;
  uint64_t size = 0;
  bool same = true;
};
Look lookAgain(int fd, const std::string& path);

}  // namespace nofault
