#include "residency_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>

#include "kernel.h"

namespace nofault {

namespace {

// Pages that one mincore answers for: few where something is missing, since it takes 50 ns to say of each that it is
// not there.
constexpr uint64_t kShortest = 512, kLongest = 16384;
// How much farther cachestat looks each time that it has found nothing.
constexpr uint64_t kStride = 8;

class Writer {
 public:
  explicit Writer(PageMap& map) : map_(map) {}

  void add(bool resident, uint64_t pages) {
    if (pages == 0) return;
    if (resident != resident_) {
      write();
      resident_ = resident;
    }
    length_ += pages;
    if (resident) map_.residentPages += pages;
  }

  void finish() {
    if (length_ == 0) return;
    write();
    map_.lastResident = resident_;
    map_.lengths.shrink_to_fit();
  }

 private:
  void write() {
    for (; length_ >= 0x80; length_ >>= 7) map_.lengths.push_back(static_cast<uint8_t>(length_ | 0x80));
    map_.lengths.push_back(static_cast<uint8_t>(length_));
    length_ = 0;
    ++map_.runs;
  }

  PageMap& map_;
  bool resident_ = false;
  uint64_t length_ = 0;
};

// A mapping of its own, never touched, made when first needed: one for the whole range, since mapping and unmapping
// hold up the loop's questions.
class Untouched {
 public:
  Untouched(int fd, uint64_t firstPage, uint64_t pageCount) : fd_(fd), firstPage_(firstPage), pageCount_(pageCount) {}
  ~Untouched() {
    if (at_ != MAP_FAILED) munmap(at_, pageCount_ * kernel::pageSize());
  }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;

  bool ask(uint64_t page, uint64_t pages, unsigned char* states) {
    const uint64_t size = kernel::pageSize();
    if (at_ == MAP_FAILED) {
      at_ = mmap(nullptr, pageCount_ * size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd_,
                 static_cast<off_t>(firstPage_ * size));
    }
    return at_ != MAP_FAILED && kernel::cached(static_cast<char*>(at_) + page * size, pages * size, states);
  }

 private:
  const int fd_;
  const uint64_t firstPage_, pageCount_;
  void* at_ = MAP_FAILED;
};

PageMap unknown() {
  PageMap map;
  map.known = false;
  return map;
}

}  // namespace

PageMap mapResidency(int fd, uint64_t firstPage, uint64_t pageCount, bool prune,
                     const std::function<bool()>& truthful) {
  PageMap map;
  Writer writer(map);
  Untouched mapping(fd, firstPage, pageCount);
  const std::unique_ptr<unsigned char[]> states(new unsigned char[kLongest]);
  const uint64_t size = kernel::pageSize();
  const auto empty = [&](uint64_t page, uint64_t pages) {
    return kernel::cachedOrComing(fd, (firstPage + page) * size, pages * size) == 0;
  };
  // Where something was found, something is likely to follow, and mincore is asked at once; where nothing was,
  // cachestat looks ahead, for it takes time only for what is cached. Never does it say that a page is resident: it
  // counts those that are still being read in (docs/kernel.md).
  uint64_t block = kShortest, stretch = kShortest;
  bool ahead = prune;
  for (uint64_t page = 0; page < pageCount;) {
    const uint64_t left = pageCount - page;
    if (ahead) {
      const uint64_t pages = std::min(stretch, left);
      if (empty(page, pages)) {
        writer.add(false, pages);
        page += pages;
        stretch *= kStride;
        continue;
      }
      stretch = pages / kStride;
      if (stretch >= kShortest) continue;
      stretch = kShortest;
    }
    const uint64_t pages = std::min(block, left);
    if (!mapping.ask(page, pages, states.get())) return unknown();
    uint64_t resident = 0;
    for (uint64_t from = 0, to; from < pages; from = to) {
      const unsigned char state = states[from] & 1;
      for (to = from + 1; to < pages && (states[to] & 1) == state;) ++to;
      writer.add(state != 0, to - from);
      if (state != 0) resident += to - from;
    }
    page += pages;
    block = resident == pages ? std::min(kLongest, block * 2) : kShortest;
    ahead = prune && resident == 0;
  }
  writer.finish();
  return truthful() ? map : unknown();
}

void eachRun(const PageMap& map, bool resident, const std::function<void(uint64_t, uint64_t)>& run) {
  uint64_t page = 0, length = 0;
  unsigned shift = 0;
  bool state = false;
  for (const uint8_t byte : map.lengths) {
    length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    if (length > 0 && state == resident) run(page, page + length);
    page += length;
    state = !state;
    length = shift = 0;
  }
}

}  // namespace nofault
