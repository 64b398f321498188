// What the windows of one open file have in common, for as long as any of them is mapped: longer than the file is open,
// because views may keep a window.
#pragma once

#include <atomic>
#include <cstdint>

namespace nofault {

// What went wrong under a view, as the guard records it and JavaScript reads it.
enum class Mark : uint8_t { none, truncated, io, readOnly };

// What JavaScript reads of a file without a call; the layout is part of src/native/file.ts.
struct Record {
  // The first thing that went wrong under a view since JavaScript last set `pending` to 0.
  std::atomic<double> pending{0};  // 1 when there is one
  std::atomic<double> mark{0};
  std::atomic<double> page{0};
  std::atomic<double> marks{0};  // marks that were made, ever
  std::atomic<double> blockedTouches{0};
};

class FileState {
  // Asked when the others are made.
  std::atomic<void*> canary_;  // a page far behind the end of the file
  std::atomic<bool> recording_{false};

 public:
  // `trusting`: verdicts may be kept at all. Takes an address range of its own, and asks the file system's kind.
  FileState(int fd, bool trusting);
  ~FileState() { close(); }
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;

  // Lets go of the file, which is closed next.
  void close();

  // Whether mincore tells this caller the truth about the file, now: to who may read but not write what is not theirs,
  // it says that everything is resident. A page that surely is not gives it away (docs/kernel.md).
  bool truthful() const;

  // Records what the guard met. Async-signal-safe.
  void record(Mark mark, uint64_t page);

  std::atomic<int> fd;  // -1 once it has been closed
  // Verdicts stand on the windows' boards, and the watch keeps them young. Not on network file systems and FUSE, whose
  // pages go when a server says so.
  const bool watched;
  const bool shallow;                // only few reads of it may be in flight
  const bool blind;                  // nobody tells this caller what is resident
  const bool readsNow;               // reads can be told not to wait
  std::atomic<uint64_t> dropped{0};  // verdicts that the watch took back
  Record shared;
};

}  // namespace nofault
