#include "write.h"

#include <algorithm>
#include <cstring>

#include "format.h"
#include "kernels.h"

namespace nofault::roaring {

namespace {

void append16(Bytes& into, uint32_t value) {
  into.push_back(static_cast<uint8_t>(value));
  into.push_back(static_cast<uint8_t>(value >> 8));
}

void append32(Bytes& into, uint32_t value) {
  append16(into, value);
  append16(into, value >> 16);
}

void append(Bytes& into, const void* bytes, size_t length) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  into.insert(into.end(), from, from + length);
}

// The smallest form for so many values in so many runs.
Container::Form smallest(uint32_t cardinality, uint32_t runs) {
  const uint32_t others = cardinality <= kMostValues ? 2 * cardinality : kBitsetBytes;
  if (2 + 4 * runs < others) return Container::Form::runs;
  return cardinality <= kMostValues ? Container::Form::array : Container::Form::bitset;
}

uint32_t countRuns(const uint16_t* values, uint32_t count) {
  uint32_t runs = 1;
  for (uint32_t i = 1; i < count; ++i) runs += values[i] != values[i - 1] + 1;
  return runs;
}

// A run begins where a bit is set and the one before is not.
uint32_t countRuns(const uint64_t* bits) {
  uint64_t before = 0, runs = 0;
  for (uint32_t i = 0; i < kWords; ++i) {
    runs += static_cast<uint64_t>(__builtin_popcountll(bits[i] & ~((bits[i] << 1) | before)));
    before = bits[i] >> 63;
  }
  return static_cast<uint32_t>(runs);
}

void appendRuns(const uint16_t* values, uint32_t count, uint32_t runs, Bytes& into) {
  append16(into, runs);
  for (uint32_t i = 0; i < count;) {
    uint32_t next = i + 1;
    while (next < count && values[next] == values[next - 1] + 1) ++next;
    append16(into, values[i]);
    append16(into, next - i - 1);
    i = next;
  }
}

// The first bit from `from` on that is set, or is not when `inverted` is ~0; kChunk when there is none.
uint32_t find(const uint64_t* bits, uint32_t from, uint64_t inverted) {
  if (from >= kChunk) return kChunk;
  uint32_t i = from / 64;
  uint64_t word = (bits[i] ^ inverted) & (~uint64_t{0} << (from % 64));
  while (word == 0) {
    if (++i == kWords) return kChunk;
    word = bits[i] ^ inverted;
  }
  return i * 64 + static_cast<uint32_t>(__builtin_ctzll(word));
}

void appendRuns(const uint64_t* bits, uint32_t runs, Bytes& into) {
  append16(into, runs);
  for (uint32_t first = find(bits, 0, 0); first < kChunk;) {
    const uint32_t end = find(bits, first, ~uint64_t{0});
    append16(into, first);
    append16(into, end - first - 1);
    first = find(bits, end, 0);
  }
}

void appendValues(const uint64_t* bits, Bytes& into) {
  for (uint32_t i = 0; i < kWords; ++i) {
    for (uint64_t word = bits[i]; word != 0; word &= word - 1)
      append16(into, i * 64 + static_cast<uint32_t>(__builtin_ctzll(word)));
  }
}

Written written(uint16_t key, Container::Form form, uint32_t cardinality, size_t before, const Bytes& into) {
  return {key, form, cardinality, static_cast<uint32_t>(into.size() - before)};
}

}  // namespace

Written writeValues(uint16_t key, const uint16_t* values, uint32_t count, Bytes& into) {
  if (count == 0) return {key, Container::Form::none, 0, 0};
  const size_t before = into.size();
  const uint32_t runs = countRuns(values, count);
  const Container::Form form = smallest(count, runs);
  if (form == Container::Form::array) {
    append(into, values, size_t{count} * 2);
  } else if (form == Container::Form::runs) {
    appendRuns(values, count, runs, into);
  } else {
    uint64_t bits[kWords] = {};
    kernels().set(bits, values, count);
    append(into, bits, kBitsetBytes);
  }
  return written(key, form, count, before, into);
}

Written writeBits(uint16_t key, const uint64_t* bits, Bytes& into) {
  const uint32_t cardinality = kernels().count(bits);
  if (cardinality == 0) return {key, Container::Form::none, 0, 0};
  const size_t before = into.size();
  const uint32_t runs = countRuns(bits);
  const Container::Form form = smallest(cardinality, runs);
  if (form == Container::Form::array) {
    appendValues(bits, into);
  } else if (form == Container::Form::runs) {
    appendRuns(bits, runs, into);
  } else {
    append(into, bits, kBitsetBytes);
  }
  return written(key, form, cardinality, before, into);
}

Written writeFull(uint16_t key, Bytes& into) {
  const size_t before = into.size();
  append16(into, 1);
  append16(into, 0);
  append16(into, kChunk - 1);
  return written(key, Container::Form::runs, kChunk, before, into);
}

uint64_t writtenHeaderLength(uint32_t containers, bool runs) {
  if (!runs) return 8 + uint64_t{containers} * 8;
  return 4 + (containers + 7) / 8 + uint64_t{containers} * (containers < kFewestPlaced ? 4 : 8);
}

void writeHeader(const std::vector<Written>& containers, Bytes& into) {
  const auto count = static_cast<uint32_t>(containers.size());
  const bool runs = std::any_of(containers.begin(), containers.end(),
                                [](const Written& one) { return one.form == Container::Form::runs; });
  if (runs) {
    append32(into, kCookie | ((count - 1) << 16));
    for (uint32_t i = 0; i < count; i += 8) {
      uint32_t flags = 0;
      for (uint32_t bit = 0; bit < 8 && i + bit < count; ++bit)
        flags |= uint32_t{containers[i + bit].form == Container::Form::runs} << bit;
      into.push_back(static_cast<uint8_t>(flags));
    }
  } else {
    append32(into, kCookieWithoutRuns);
    append32(into, count);
  }
  for (const Written& one : containers) {
    append16(into, one.key);
    append16(into, one.cardinality - 1);
  }
  if (runs && count < kFewestPlaced) return;
  uint64_t offset = writtenHeaderLength(count, runs);
  for (const Written& one : containers) {
    append32(into, static_cast<uint32_t>(offset));
    offset += one.length;
  }
}

}  // namespace nofault::roaring
