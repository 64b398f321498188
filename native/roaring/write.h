// Writes containers and bitmaps in the portable Roaring format, always the same bytes for the same rows: each container
// in the smallest of its three forms, of equal ones array before bitset before runs.
#pragma once

#include <vector>

#include "container.h"

namespace nofault::roaring {

using Bytes = std::vector<uint8_t>;

// A container that has been written.
struct Written {
  uint16_t key;          // the chunk
  Container::Form form;  // array, bitset or runs; none: there was nothing to write
  uint32_t cardinality;
  uint32_t length;  // bytes
};

// Appends the container of these values, which ascend and are all different. Without values it appends nothing.
Written writeValues(uint16_t key, const uint16_t* values, uint32_t count, Bytes& into);
// Appends the container of the set bits of kWords words.
Written writeBits(uint16_t key, const uint64_t* bits, Bytes& into);
// Appends the container of a whole chunk.
Written writeFull(uint16_t key, Bytes& into);

// Bytes that the header of so many containers has.
uint64_t writtenHeaderLength(uint32_t containers, bool runs);
// Appends the header of a bitmap of these containers, which follow it without gaps. At least one, by ascending key.
void writeHeader(const std::vector<Written>& containers, Bytes& into);

}  // namespace nofault::roaring
