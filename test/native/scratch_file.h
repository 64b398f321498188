// A file of its own for a program, and windows over it.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "guard.h"
#include "kernel.h"
#include "window.h"

// Removed at once, so that nothing stays behind however the program ends; reached through its descriptor until then.
class ScratchFile {
 public:
  // The content of page p is the word p + 1, all over.
  explicit ScratchFile(uint64_t pages) {
    const char* folder = getenv("TMPDIR");
    std::string name = std::string(folder == nullptr ? "/tmp" : folder) + "/nofault-unit-XXXXXX";
    fd = mkstemp(name.data());
    CHECK(fd >= 0);
    // Opened once more as the library does it: reads are exact then.
    reading = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    direct = open(name.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
    CHECK(reading >= 0);
    unlink(name.c_str());
    posix_fadvise(reading, 0, 0, POSIX_FADV_RANDOM);
    write(0, pages);
  }
  ~ScratchFile() {
    for (const int one : {fd, reading, direct}) {
      if (one >= 0) close(one);
    }
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void write(uint64_t first, uint64_t pages) const {
    const uint64_t size = nofault::kernel::pageSize();
    std::vector<uint32_t> words(size / sizeof(uint32_t));
    for (uint64_t page = first; page < first + pages; ++page) {
      words.assign(words.size(), static_cast<uint32_t>(page + 1));
      CHECK(pwrite(fd, words.data(), size, static_cast<off_t>(page * size)) == static_cast<ssize_t>(size));
    }
    CHECK(fsync(fd) == 0);
  }

  // Drops what nobody has mapped from the page cache.
  void forget() const { CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0); }

  int fd, reading;
  int direct;  // -1 where the file system has no direct writing
};

// What a view's reader and a stray writer do. Races between those are a program's own, and what they do to it is what
// is tried here, so ThreadSanitizer does not look at them.
__attribute__((noinline, no_sanitize("thread"))) inline uint32_t load(const nofault::Window& window, uint64_t page,
                                                                      size_t word = 0) {
  return reinterpret_cast<volatile uint32_t*>(window.addressOf(page))[word];
}
__attribute__((noinline, no_sanitize("thread"))) inline void store(void* address, size_t word, uint32_t value) {
  static_cast<volatile uint32_t*>(address)[word] = value;
}

// A window that is mapped and guarded for as long as this lives.
class PlacedWindow {
 public:
  PlacedWindow(const std::shared_ptr<nofault::FileState>& file, uint64_t firstPage, uint64_t pages) {
    const uint64_t size = nofault::kernel::pageSize();
    void* at = mmap(nullptr, pages * size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED);
    auto* base = static_cast<char*>(at);
    CHECK(nofault::placeWindow(base, pages * size, file->fd, firstPage * size) == 0);
    window = std::make_shared<nofault::Window>(base, pages);
    window->firstPage = firstPage;
    window->file = file;
    nofault::guard::watchOver(*window);
  }
  ~PlacedWindow() {
    window->alive = false;
    nofault::guard::forget(*window);
    munmap(window->base, window->pageCount * nofault::kernel::pageSize());
  }
  PlacedWindow(const PlacedWindow&) = delete;
  PlacedWindow& operator=(const PlacedWindow&) = delete;

  std::shared_ptr<nofault::Window> window;
};
