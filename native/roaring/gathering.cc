#include "gathering.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "run.h"

namespace nofault::roaring {

namespace {

constexpr uint32_t kMostSlices = 64;

uint32_t digitsOf(int64_t number) {
  const auto bits = static_cast<uint64_t>(number < 0 ? ~number : number);
  return 65 - static_cast<uint32_t>(bits == 0 ? 64 : __builtin_clzll(bits));
}

// Turns a square of bits about: afterwards bit i of row k is what bit k of row i was (Hacker's Delight, 7-3).
void transpose(uint64_t* rows) {
  uint64_t mask = 0x00000000ffffffff;
  for (uint32_t half = 32; half != 0; half >>= 1, mask ^= mask << half) {
    for (uint32_t k = 0; k < 64; k = ((k | half) + 1) & ~half) {
      const uint64_t moved = ((rows[k] >> half) ^ rows[k | half]) & mask;
      rows[k] ^= moved << half;
      rows[k | half] ^= moved;
    }
  }
}

}  // namespace

uint32_t digitsOf(int64_t least, int64_t greatest) { return std::max(digitsOf(least), digitsOf(greatest)); }

uint64_t Gathering::held() const {
  return keys_.capacity() + keyEnds_.capacity() * sizeof(uint64_t) + data_.capacity() +
         (held_.capacity() + existing_.capacity()) * sizeof(Held);
}

uint32_t Gathering::slices() const { return any_ ? digitsOf(least_, greatest_) : 0; }

void Gathering::addKeys(const uint8_t* bytes, const uint32_t* ends, uint32_t count) {
  const uint64_t start = keys_.size();
  if (count > 0) keys_.insert(keys_.end(), bytes, bytes + ends[count - 1]);
  for (uint32_t i = 0; i < count; ++i) keyEnds_.push_back(start + ends[i]);
}

void Gathering::hold(uint32_t entry, const Written& written, uint64_t at) {
  if (written.form == Container::Form::none) return;
  held_.push_back({at, entry, written.cardinality, written.length, written.key, written.form});
}

void Gathering::addExisting(uint16_t chunk, const uint64_t* bits) {
  const uint64_t at = data_.size();
  const Written written = writeBits(chunk, bits, data_);
  if (written.form == Container::Form::none) return;
  existing_.push_back({at, 0, written.cardinality, written.length, written.key, written.form});
}

void Gathering::addValues(uint16_t chunk, const uint32_t* ids, uint32_t rows) {
  // Sorted by counting: the rows of a key end up side by side, and still ascend.
  std::vector<uint32_t> starts(keyCount() + 2, 0);
  for (uint32_t row = 0; row < rows; ++row) ++starts[ids[row] + 1];
  const uint32_t nulls = starts[1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<uint16_t> sorted(rows);
  for (uint32_t row = 0; row < rows; ++row) sorted[starts[ids[row]]++] = static_cast<uint16_t>(row);
  // Each start has moved to where the next key's was.
  for (uint32_t id = 1; id <= keyCount(); ++id) {
    const uint32_t count = starts[id] - starts[id - 1];
    if (count == 0) continue;
    const uint64_t at = data_.size();
    hold(id - 1, writeValues(chunk, sorted.data() + starts[id - 1], count, data_), at);
  }
  std::vector<uint64_t> bits(kWords, 0);
  for (uint32_t row = 0; row < rows; ++row) bits[row / 64] |= uint64_t{ids[row] != 0} << (row % 64);
  addExisting(chunk, bits.data());
  nulls_ += nulls;
}

void Gathering::addNumbers(uint16_t chunk, const int64_t* numbers, const uint8_t* nulls, uint32_t rows) {
  std::vector<uint64_t> existing(kWords, 0);
  bool any = false;
  int64_t least = 0, greatest = 0;
  for (uint32_t row = 0; row < rows; ++row) {
    if (nulls[row] != 0) {
      ++nulls_;
      continue;
    }
    existing[row / 64] |= uint64_t{1} << (row % 64);
    least = any ? std::min(least, numbers[row]) : numbers[row];
    greatest = any ? std::max(greatest, numbers[row]) : numbers[row];
    any = true;
  }
  addExisting(chunk, existing.data());
  const uint32_t width = any ? digitsOf(least, greatest) : 0;
  widths_.push_back(static_cast<uint8_t>(width));
  chunks_.push_back(chunk);
  if (!any) return;
  least_ = any_ ? std::min(least_, least) : least;
  greatest_ = any_ ? std::max(greatest_, greatest) : greatest;
  any_ = true;

  std::vector<uint64_t> slices(size_t{kMostSlices} * kWords, 0);
  for (uint32_t word = 0; word < (rows + 63) / 64; ++word) {
    uint64_t square[64] = {};
    for (uint32_t i = 0; i < 64 && word * 64 + i < rows; ++i) {
      const uint32_t row = word * 64 + i;
      square[i] = nulls[row] != 0 ? 0 : static_cast<uint64_t>(numbers[row]);
    }
    transpose(square);
    for (uint32_t slice = 0; slice < width; ++slice) slices[size_t{slice} * kWords + word] = square[slice];
  }
  for (uint32_t slice = 0; slice < width; ++slice) {
    const uint64_t at = data_.size();
    hold(slice, writeBits(chunk, slices.data() + size_t{slice} * kWords, data_), at);
  }
}

Bytes Gathering::key(uint32_t id) const {
  const uint64_t start = id == 0 ? 0 : keyEnds_[id - 1];
  return {keys_.begin() + static_cast<ptrdiff_t>(start), keys_.begin() + static_cast<ptrdiff_t>(keyEnds_[id])};
}

std::vector<uint32_t> Gathering::sortedKeys() const {
  std::vector<uint32_t> order(keyCount());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    const uint64_t startA = a == 0 ? 0 : keyEnds_[a - 1], startB = b == 0 ? 0 : keyEnds_[b - 1];
    const uint64_t lengthA = keyEnds_[a] - startA, lengthB = keyEnds_[b] - startB;
    const int compared = memcmp(keys_.data() + startA, keys_.data() + startB, std::min(lengthA, lengthB));
    return compared != 0 ? compared < 0 : lengthA < lengthB;
  });
  return order;
}

void Gathering::writeHeld(const Bytes& key, const std::vector<const Held*>& parts, FileWriter& to) const {
  std::vector<Written> containers;
  containers.reserve(parts.size());
  for (const Held* part : parts) containers.push_back({part->chunk, part->form, part->cardinality, part->length});
  writeEntry(key, containers, to);
  for (const Held* part : parts) to.append(data_.data() + part->at, part->length);
}

void Gathering::spillValues(FileWriter& to) const {
  // The containers of each key, side by side: they were held chunk by chunk.
  std::vector<uint32_t> starts(keyCount() + 1, 0);
  for (const Held& one : held_) ++starts[one.entry + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  std::vector<uint32_t> places(held_.size()), next(starts.begin(), starts.end() - 1);
  for (uint32_t i = 0; i < held_.size(); ++i) places[next[held_[i].entry]++] = i;
  std::vector<const Held*> parts;
  for (const uint32_t id : sortedKeys()) {
    parts.clear();
    for (uint32_t i = starts[id]; i < starts[id + 1]; ++i) parts.push_back(&held_[places[i]]);
    // A key that only rows had which were skipped.
    if (!parts.empty()) writeHeld(key(id), parts, to);
  }
}

void Gathering::spillNumbers(FileWriter& to) const {
  const uint32_t width = widths_.empty() ? 0 : *std::max_element(widths_.begin(), widths_.end());
  std::vector<const Held*> found(size_t{width} * chunks_.size(), nullptr);
  size_t chunk = 0;
  for (const Held& one : held_) {
    while (chunks_[chunk] != one.chunk) ++chunk;
    found[one.entry * chunks_.size() + chunk] = &one;
  }
  for (uint32_t slice = 0; slice < width; ++slice) {
    std::vector<const Held*> parts;
    for (size_t i = 0; i < chunks_.size(); ++i) {
      if (widths_[i] == 0) continue;
      // Digits above those that a chunk needs are its sign's.
      const Held* part = found[std::min<uint32_t>(slice, widths_[i] - 1U) * chunks_.size() + i];
      if (part != nullptr) parts.push_back(part);
    }
    writeHeld({}, parts, to);
  }
}

void Gathering::spill(FileWriter& to) {
  std::vector<const Held*> parts;
  for (const Held& one : existing_) parts.push_back(&one);
  writeHeld({}, parts, to);
  kind_ == Kind::values ? spillValues(to) : spillNumbers(to);
  to.flush();
  // Given back, rather than kept for the next run: columns take turns at being the largest.
  keys_ = {};
  keyEnds_ = {};
  data_ = {};
  held_ = {};
  existing_ = {};
  widths_ = {};
  chunks_ = {};
}

}  // namespace nofault::roaring
