// The system calls that everything else rests on, and what this kernel allows of them, found out once by asking.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace nofault::kernel {

// Bytes in a page.
inline size_t pageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// Mappings that a process may have at most (vm.max_map_count).
size_t maxMappings();

// What this kernel, container and seccomp profile allow. A refusal only means "unknown"; it is never taken for
// "resident".
struct Abilities {
  bool movePages;  // move_pages(2) answers which addresses our page table maps
  bool populate;   // MADV_POPULATE_READ, Linux 5.14
  bool scan;       // PAGEMAP_SCAN tells which stretches our page table maps, Linux 6.7
  bool cachestat;  // cachestat(2), Linux 6.5
};
const Abilities& abilities();

// For each address: `status` becomes >= 0 where our page table maps it, so that a touch takes no fault. False when the
// kernel refuses to say.
bool mapped(void* const* addresses, size_t count, int* status);

// Calls `found(from, to)`, in bytes from `address`, for each stretch of a range that our page table maps, in order.
// False when the kernel cannot say.
bool mappedStretches(const void* address, size_t length, const std::function<void(size_t, size_t)>& found);

// One byte a page into `vector`; the lowest bit says "in the page cache and up to date". False when the kernel refuses
// to say.
bool cached(const void* address, size_t length, unsigned char* vector);

// Maps pages without touching them: never raises a signal. Returns 0 or the errno; EFAULT where a touch would have
// raised SIGBUS.
int populate(void* address, size_t length);

// Pages that reclaim may take first: nobody is thought to need them again.
void cold(void* address, size_t length);

// Pages of a file range, as cachestat(2) counts them.
struct CacheCounts {
  uint64_t cached;  // those still being read in included
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recentlyEvicted;
};
// Returns 0 or the errno: EPERM for a caller to whom mincore would pretend.
int countPages(int fd, uint64_t offset, uint64_t length, CacheCounts& counts);
// What it says is cached, or -1 when it does not tell.
int64_t cachedOrComing(int fd, uint64_t offset, uint64_t length);

// Whether reads of the file can be told not to wait: some file systems cannot be.
bool canReadNow(int fd);
// The size that the kernel knows the file to have, without asking a server; nothing where it may not be told.
std::optional<uint64_t> sizeNow(int fd);
// Reads a range without waiting: bytes until the file ended, or -1 when that cannot be.
int64_t readNow(int fd, uint64_t offset, void* into, size_t length);

// Whether the kernel reads ahead of who reads the file through this descriptor.
void readAhead(int fd, bool ahead);
// Starts reading a stretch in the background. A hint: it may be dropped, and it may wait for metadata.
void willNeed(int fd, uint64_t offset, uint64_t length);

// Writes what is dirty to the device, and waits for it. Returns 0 or the errno.
int flush(int fd, uint64_t offset, uint64_t length);
// Drops whole pages from the page cache: those that are clean, mapped by nobody and not locked.
void dontNeed(int fd, uint64_t offset, uint64_t length);

// The next stretch of a file, from `from` on and before `end`, that is no hole. Where the file system has no holes to
// tell of, it is all. False where there is none.
bool nextData(int fd, uint64_t from, uint64_t end, uint64_t& dataFrom, uint64_t& dataEnd);

}  // namespace nofault::kernel
