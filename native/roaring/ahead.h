// What looking ahead in headers is made of; Program does it in ahead.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "header.h"

namespace nofault::roaring {

// Some of the chunks that are looked ahead of at once: a bit each, from the first of them on.
using ChunkSet = std::vector<uint64_t>;

// The first place from `from` on whose chunk is `key` or a later one; it is mostly near.
uint32_t seek(const std::vector<Place>& places, uint32_t from, uint32_t key);

}  // namespace nofault::roaring
