// A chunk's rows of one bitmap, where they lie: in the mapping, or in memory of the evaluation. 65,536 rows a chunk.
//
// The file may change while it is read. So whatever is read from a container is harmless: a value is any 16 bits, and
// the end of a run is cut off at the chunk's. Lengths come from the header, which was copied and checked.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nofault::roaring {

constexpr uint32_t kChunk = 65536;                     // rows
constexpr uint32_t kChunks = 65536;                    // of a bitmap, at most
constexpr uint32_t kWords = kChunk / 64;               // of a bitset
constexpr uint32_t kBitsetBytes = kWords * 8;          // as much as an array of kMostValues
constexpr uint32_t kMostValues = 4096;                 // of an array
constexpr uint32_t kMostRuns = kChunk / 2;             // of a container of runs
constexpr uint32_t kMostRunBytes = 2 + 4 * kMostRuns;  // with the number of runs before them

// Containers lie in a file at any alignment.
using Word = uint64_t __attribute__((aligned(1), may_alias));
using Value = uint16_t __attribute__((aligned(1), may_alias));

// A run of rows, both ends in it.
struct Run {
  uint32_t first;
  uint32_t last;
};

struct Container {
  enum class Form : uint8_t { none, array, bitset, runs, full };

  Form form = Form::none;
  uint32_t count = 0;  // values, or runs; nothing else has one
  const uint8_t* bytes = nullptr;

  static Container array(const void* values, uint32_t count) {
    return count == 0 ? Container{} : Container{Form::array, count, static_cast<const uint8_t*>(values)};
  }
  static Container bitset(const void* words) { return {Form::bitset, 0, static_cast<const uint8_t*>(words)}; }
  static Container full() { return {Form::full, 0, nullptr}; }

  static Container runs(const void* pairs, uint32_t count) {
    return count == 0 ? Container{} : Container{Form::runs, count, static_cast<const uint8_t*>(pairs)};
  }

  const Value* values() const { return reinterpret_cast<const Value*>(bytes); }
  const Word* words() const { return reinterpret_cast<const Word*>(bytes); }
  // Run `i`, read once and cut off at the chunk's end. The format has its first value, and how many follow that one.
  Run run(uint32_t i) const {
    const uint32_t pair = *reinterpret_cast<const volatile Pair*>(bytes + size_t{i} * 4);
    const uint32_t first = pair & 0xffff, last = first + (pair >> 16);
    return {first, last < kChunk ? last : kChunk - 1};
  }
  bool is(Form other) const { return form == other; }

 private:
  using Pair = uint32_t __attribute__((aligned(1), may_alias));
};

}  // namespace nofault::roaring
