// The header of a bitmap in the portable Roaring format (RoaringFormatSpec): which chunks it has rows in, in which form
// and where. It is copied out of the mapping and checked, once; what the file says later does not matter.
#pragma once

#include <string>
#include <vector>

#include "container.h"

namespace nofault::roaring {

// One container, by its place in the bitmap.
struct Place {
  uint16_t key;          // the chunk
  Container::Form form;  // array, bitset or runs
  uint32_t cardinality;  // 1 to kChunk
  uint32_t offset;       // bytes from the start of the bitmap
  uint32_t length;       // bytes; of runs at most so many

  // Every row of the chunk is in it, which needs no look.
  bool full() const { return cardinality == kChunk; }
};

struct Header {
  std::vector<Place> places;  // by ascending key
  uint64_t cardinality = 0;
  uint64_t length = 0;  // bytes of the header itself
};

// What is wrong, and how many bytes from the start of the bitmap.
struct Malformed {
  std::string what;
  uint64_t offset = 0;
};

// Bytes that a header begins with: these tell how long it is.
constexpr uint64_t kHeaderStart = 8;

// How many bytes of a bitmap of `length` bytes `parse` needs, when `start` has its first kHeaderStart (or all, when it
// has fewer): the header, and so much as its containers can have when it does not say where they are (fewer than four,
// some of them runs).
uint64_t headerLength(const uint8_t* start, uint64_t length);

// Parses the first headerLength() bytes of a bitmap of at most `length`; `bytes` must be a copy that nobody changes.
// False, and `wrong` says why, when it is none.
bool parse(const uint8_t* bytes, uint64_t available, uint64_t length, Header& header, Malformed& wrong);

}  // namespace nofault::roaring
