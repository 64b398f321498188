// A container by itself, or with another one, whatever the form of each: what combining a tree of them is made of.
#pragma once

#include "container.h"

namespace nofault::roaring {

// `bits` and the other one.
void orWith(uint64_t* bits, const Container& other);
// `acc` and other, or and not: in `bits` or `values`, where `acc` may lie already; or one of the two. Neither is none.
Container keepIn(const Container& acc, const Container& other, uint64_t* bits, uint16_t* values);
Container keepOut(const Container& acc, const Container& other, uint64_t* bits, uint16_t* values);

// No more than a chunk has, and no less than none: what is damaged may add up to anything.
uint32_t clamped(int64_t count);
uint32_t countOf(const Container& one);
// How many rows two containers have in common.
uint32_t countCommon(const Container& one, const Container& other);
// The rows of a container of the chunk that begins at `base`; returns how many. `into` has room for kChunk.
uint32_t rowsOf(const Container& one, uint32_t base, uint32_t* into);
// Makes `bits` the container.
void assign(const Container& one, uint64_t* bits);

}  // namespace nofault::roaring
