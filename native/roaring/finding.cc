#include "finding.h"

#include <algorithm>
#include <utility>

#include "../kernel.h"

namespace nofault::roaring {

namespace {

// After so many ranges in a row that were missing the kernel is not asked about the others of a step: the fetcher
// looks.
constexpr size_t kMissesInARow = 16;

struct Pages {
  uint64_t first, count;
};

Pages pagesOf(const Range& range) {
  const uint64_t first = range.offset / kernel::pageSize();
  return {first, (range.offset + range.length - 1) / kernel::pageSize() - first + 1};
}

// Whether the kernel says that all of the pages are in memory.
bool isResident(const Window& window, const Pages& pages) {
  thread_local std::vector<unsigned char> states;
  if (states.size() < pages.count) states.resize(pages.count);
  return kernel::cached(window.addressOf(pages.first), pages.count * kernel::pageSize(), states.data()) &&
         std::all_of(states.begin(), states.begin() + static_cast<ptrdiff_t>(pages.count),
                     [](unsigned char state) { return (state & 1) != 0; });
}

// The window of each range; null where none is placed, and then it is wanted.
std::vector<const Window*> windowsOf(const std::vector<Source>& sources, const std::vector<Range>& ranges,
                                     Found& found) {
  const uint64_t stride = kWindowStride / kernel::pageSize();
  std::vector<const Window*> windows(ranges.size());
  for (size_t i = 0; i < ranges.size(); ++i) {
    const uint64_t first = pagesOf(ranges[i]).first;
    // Ranges ascend, so that the next one mostly lies in the same.
    if (i > 0 && ranges[i - 1].source == ranges[i].source && pagesOf(ranges[i - 1]).first / stride == first / stride) {
      windows[i] = windows[i - 1];
      continue;
    }
    std::shared_ptr<Window> window = sources[ranges[i].source].file->shareWindow(first);
    if (window && window->alive) {
      windows[i] = window.get();
      found.windows.push_back(std::move(window));
    } else {
      found.wanted.push_back({ranges[i].source, first});
    }
  }
  return windows;
}

}  // namespace

Found find(const std::vector<Source>& sources, const std::vector<Range>& ranges) {
  Found found;
  for (const Range& range : ranges) {
    const uint64_t size = sources[range.source].size;
    if (range.offset + range.length <= size) continue;
    found.failure = {Failure::Kind::ends, range.source, size};
    return found;
  }
  const std::vector<const Window*> windows = windowsOf(sources, ranges, found);
  if (!found.wanted.empty()) return found;
  found.missing.resize(sources.size());
  std::vector<bool> truthful;
  truthful.reserve(sources.size());
  for (const Source& source : sources) truthful.push_back(source.file->state->truthful());
  found.places.reserve(ranges.size());
  size_t inARow = 0;
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    const Window& window = *windows[i];
    const Pages pages = pagesOf(range);
    const uint64_t end = window.firstPage + window.pageCount;
    if (pages.first + pages.count > end) {
      found.failure = {Failure::Kind::ends, range.source, end * kernel::pageSize()};
      return found;
    }
    if (window.marked(pages.first, pages.count) != Mark::none) {
      const uint64_t offset = pages.first * kernel::pageSize();
      found.failure = {Failure::Kind::marked, range.source, offset, 0, false, pages.count};
      return found;
    }
    const auto* place = reinterpret_cast<const uint8_t*>(window.addressOf(pages.first));
    found.places.push_back(place + range.offset % kernel::pageSize());
    if (inARow < kMissesInARow && truthful[range.source] && isResident(window, pages)) {
      inARow = 0;
      found.resident.push_back(i);
    } else {
      ++inARow;
      found.missing[range.source].push_back({pages.first, static_cast<uint32_t>(pages.count), i});
    }
  }
  return found;
}

}  // namespace nofault::roaring
