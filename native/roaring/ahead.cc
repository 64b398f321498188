// Which of the next chunks may have rows at all, so that only those are planned: where a conjunction has one side with
// few chunks, the others' headers are merely looked up.
#include "ahead.h"

#include <algorithm>

#include "program.h"

namespace nofault::roaring {

namespace {

// Chunks, and about how many places in headers, that are looked ahead at once.
constexpr uint64_t kAheadChunks = 1024;
constexpr uint64_t kAheadPlaces = 16384;

// Where so few of the chunks are left, each is looked up.
constexpr uint32_t kFew = 8;

template <class Act>
void forEachBit(const ChunkSet& mask, Act act) {
  for (uint32_t i = 0; i < mask.size(); ++i)
    for (uint64_t word = mask[i]; word != 0; word &= word - 1)
      act(i * 64 + static_cast<uint32_t>(__builtin_ctzll(word)));
}

uint32_t bitsOf(const ChunkSet& mask) {
  uint32_t sum = 0;
  for (const uint64_t word : mask) sum += static_cast<uint32_t>(__builtin_popcountll(word));
  return sum;
}

bool none(const ChunkSet& mask) {
  return std::all_of(mask.begin(), mask.end(), [](uint64_t word) { return word == 0; });
}

}  // namespace

// In steps that double.
uint32_t seek(const std::vector<Place>& places, uint32_t from, uint32_t key) {
  const auto size = static_cast<uint32_t>(places.size());
  if (from < size && places[from].key >= key) return from;
  uint32_t step = 1;
  while (from + step <= size && places[from + step - 1].key < key) {
    from += step;
    step *= 2;
  }
  const auto end = places.begin() + std::min(from + step, size);
  const auto found = std::lower_bound(places.begin() + from, end, key,
                                      [](const Place& place, uint32_t chunk) { return place.key < chunk; });
  return static_cast<uint32_t>(found - places.begin());
}

uint64_t Program::lookAhead() {
  const uint64_t most = std::clamp<uint64_t>(kAheadPlaces / std::max<size_t>(occurrences_.size(), 1), 1, kAheadChunks);
  aheadFirst_ = aheadEnd_;
  aheadEnd_ = static_cast<uint32_t>(std::min<uint64_t>(aheadFirst_ + most, chunkCount_));
  const uint32_t chunks = aheadEnd_ - aheadFirst_;
  ChunkSet mask((chunks + 63) / 64, ~uint64_t{0});
  if (chunks % 64 != 0) mask.back() = (uint64_t{1} << chunks % 64) - 1;
  uint64_t looks = narrow(root_, mask);
  aheadChunks_.clear();
  forEachBit(mask, [&](uint32_t chunk) { aheadChunks_.push_back(aheadFirst_ + chunk); });
  aheadNext_ = 0;
  if (!aheadChunks_.empty()) looks += gather();
  return looks;
}

// Leaves those chunks of `mask` in which the node may have rows.
uint64_t Program::narrow(uint32_t node, ChunkSet& mask) {
  const Node& what = nodes_[node];
  if (what.always || none(mask)) return 1;
  uint64_t looks = 1;
  switch (what.code) {
    case kAll:
      break;
    case kBitmap:
      looks += narrowLeaf(what.first, mask);
      break;
    case kAnd:
      for (const uint32_t child : what.narrowest) looks += narrow(child, mask);
      break;
    case kOr: {
      ChunkSet rest = mask, some;
      for (const uint32_t child : what.children) {
        some = rest;
        looks += narrow(child, some);
        for (size_t i = 0; i < rest.size(); ++i) rest[i] &= ~some[i];
      }
      for (size_t i = 0; i < mask.size(); ++i) mask[i] &= ~rest[i];
      break;
    }
    case kMinus:
      looks += narrow(what.children[0], mask);
      break;
  }
  return looks;
}

uint64_t Program::narrowLeaf(uint32_t number, ChunkSet& mask) {
  Occurrence& occurrence = occurrences_[number];
  const auto& places = bitmaps_[occurrence.bitmap].header->places;
  occurrence.next = seek(places, occurrence.next, aheadFirst_);
  ChunkSet found(mask.size(), 0);
  const auto add = [&](uint32_t chunk) { found[chunk / 64] |= uint64_t{1} << chunk % 64; };
  uint64_t looks = 0;
  uint32_t at = occurrence.next;
  if (bitsOf(mask) * kFew < aheadEnd_ - aheadFirst_) {
    forEachBit(mask, [&](uint32_t chunk) {
      at = seek(places, at, aheadFirst_ + chunk);
      if (at < places.size() && places[at].key == aheadFirst_ + chunk) add(chunk);
      ++looks;
    });
  } else {
    for (; at < places.size() && places[at].key < aheadEnd_; ++at) add(places[at].key - aheadFirst_);
    looks = at - occurrence.next;
  }
  for (size_t i = 0; i < mask.size(); ++i) mask[i] &= found[i];
  return looks;
}

// Sorts by chunk what each of the bitmaps has in these chunks.
uint64_t Program::gather() {
  const size_t chunks = aheadChunks_.size();
  struct Found {
    uint32_t chunk;
    Present present;
  };
  std::vector<Found> found;
  found.reserve(chunks);
  aheadStarts_.assign(chunks + 1, 0);
  uint64_t looks = 0;
  for (uint32_t i = 0; i < occurrences_.size(); ++i) {
    Occurrence& occurrence = occurrences_[i];
    const auto& places = bitmaps_[occurrence.bitmap].header->places;
    for (uint32_t chunk = 0; chunk < chunks; ++chunk, ++looks) {
      occurrence.next = seek(places, occurrence.next, aheadChunks_[chunk]);
      if (occurrence.next == places.size()) break;
      if (places[occurrence.next].key != aheadChunks_[chunk]) continue;
      found.push_back({chunk, {i, occurrence.next}});
      ++aheadStarts_[chunk + 1];
    }
  }
  for (size_t i = 1; i < aheadStarts_.size(); ++i) aheadStarts_[i] += aheadStarts_[i - 1];
  ahead_.resize(found.size());
  std::vector<uint32_t> ends(aheadStarts_.begin(), aheadStarts_.end() - 1);
  for (const Found& one : found) ahead_[ends[one.chunk]++] = one.present;
  return looks;
}

}  // namespace nofault::roaring
