// What this kernel, container and file system allow, found out by trying it: for whoever wants to know why, and not
// only whether. Mechanism only; what follows from an answer is decided in src/cli/doctor.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace nofault::probe {

// The errno that a question is refused with, or 0 where it is answered.
struct KernelFacts {
  int mincore = 0;
  int movePages = 0;
  int populateRead = 0;
  int cachestat = 0;
  int pagemap = 0;
  int pagemapScan = 0;
};

enum class Answer { truthful, wrong, refused, untested };

struct FileFacts {
  uint64_t size = 0;
  unsigned deviceMajor = 0, deviceMinor = 0;
  uint32_t owner = 0;  // user id
  int64_t mount = -1;  // its number in /proc/self/mountinfo; -1 where it is not known
  std::string fileSystem;
  bool local = false;  // its pages leave memory only through this kernel
  Answer mincore = Answer::untested;
  Answer cachestat = Answer::untested;
  // errno, or 0 where it works; -1 where there was nothing to try it on.
  int readNow = -1;        // preadv2(RWF_NOWAIT)
  int firstRead = -1;      // pread of the first byte
  int firstPopulate = -1;  // MADV_POPULATE_READ of the first page
};

KernelFacts aboutKernel();

// Waits for the device: reads the file's first page, and no other.
FileFacts aboutFile(int fd, const struct stat& status);

}  // namespace nofault::probe
