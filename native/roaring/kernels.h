// What the processor does with containers: loops over words and values, as fast as this machine can. Bitsets have
// kWords words. Values may come in any order and more than once, since nobody has looked at them yet; what comes out is
// then as wrong as they are, and stays within its bounds.
#pragma once

#include "container.h"

namespace nofault::roaring {

struct Kernels {
  const char* name;  // of the kind of processor

  // How many bits are set: in one, in both, in the first but not in the second.
  uint32_t (*count)(const Word* bits);
  uint32_t (*countAnd)(const Word* one, const Word* other);
  uint32_t (*countMinus)(const Word* one, const Word* other);

  void (*andInto)(uint64_t* into, const Word* other);
  void (*orInto)(uint64_t* into, const Word* other);
  void (*minusInto)(uint64_t* into, const Word* other);
  void (*andTo)(uint64_t* into, const Word* one, const Word* other);
  void (*minusTo)(uint64_t* into, const Word* one, const Word* other);
  // Both in one go: how many are set in both, and `rest` becomes what is set in the first but not in the second.
  uint32_t (*split)(uint64_t* rest, const Word* one, const Word* other);

  void (*set)(uint64_t* bits, const Value* values, uint32_t count);
  void (*clear)(uint64_t* bits, const Value* values, uint32_t count);
  // How many of the values are among the bits.
  uint32_t (*countIn)(const Word* bits, const Value* values, uint32_t count);
  // Those of the values that are among the bits, or are not; `into` has room for all, and may be where they are.
  uint32_t (*keepIn)(const Word* bits, const Value* values, uint32_t count, uint16_t* into);
  uint32_t (*keepOut)(const Word* bits, const Value* values, uint32_t count, uint16_t* into);

  // The rows that the bits or values stand for, from `base` on; returns how many. `into` has room for kChunk, or for
  // `count`.
  uint32_t (*rowsOf)(const Word* bits, uint32_t base, uint32_t* into);
  uint32_t (*rowsFrom)(const Value* values, uint32_t count, uint32_t base, uint32_t* into);
};

// Those of this machine: the best that it can run, and that NOFAULT_KERNELS does not rule out (`portable`, `avx2`).
const Kernels& kernels();
// All that this machine can run, the portable ones first; `count` becomes how many.
const Kernels* allKernels(uint32_t& count);

}  // namespace nofault::roaring
