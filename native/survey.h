// Many files looked at in one go, each for a moment: what it is, and how much of it is in memory. Mechanism of
// src/inspect.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernel.h"
#include "residency_map.h"

namespace nofault {

// How to look.
struct Question {
  unsigned bits = 0;        // as it was asked
  bool cachestat = false;   // ask it
  bool mincore = false;     // make a map
  bool prune = false;       // cachestat counts truly here, and may be asked before mincore
  bool follow = false;      // a symbolic link stands for what it leads to
  bool fileSystem = false;  // say what it lies on, and do not open what no disk stands behind
  uint64_t cells = 0;       // count in so many cells at most; 0: as a whole
};

struct Surveyed {
  int error = 0;
  const char* syscall = nullptr;
  mode_t mode = 0;  // 0 where it is not known
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t links = 0;
  uint64_t size = 0;
  uint64_t allocated = 0;  // bytes on its device: fewer where it has holes
  const char* fileSystem = nullptr;
  bool countsPages = false;  // by the file system's kind
  bool interface = false;    // a file of proc or the like: it has not been opened
  // cachestat: -1 not asked, 0, or its errno.
  int counted = -1;
  kernel::CacheCounts counts{};
  bool lastCached = false;  // the last page is among them
  std::vector<double> cells;
  // mincore: -1 not asked, 0 the kernel does not tell, 1.
  int mapped = -1;
  PageMap map;
  // What cachestat says about a page that mincore has just called resident: -1 where there was none.
  int witness = -1;
};

// `name` is looked up in `folder` (AT_FDCWD: the working directory). With `regular` the file system has just called it
// a regular file, and it is not looked at before it is opened. Never waits for a FIFO's writer, and opens no device.
Surveyed survey(int folder, const char* name, const Question& question, bool regular);

}  // namespace nofault
