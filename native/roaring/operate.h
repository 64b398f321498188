// What two containers are together, where their forms differ or the kernels do not help: arrays with arrays, and runs.
#pragma once

#include "container.h"

namespace nofault::roaring {

// Bits from `first` to `last`, both of them.
void setRange(uint64_t* bits, uint32_t first, uint32_t last);
void clearRange(uint64_t* bits, uint32_t first, uint32_t last);
uint32_t countRange(const Word* bits, uint32_t first, uint32_t last);

void setRuns(uint64_t* bits, const Container& runs);
void clearRuns(uint64_t* bits, const Container& runs);
// Clears what no run has.
void keepRuns(uint64_t* bits, const Container& runs);
uint32_t countInRuns(const Word* bits, const Container& runs);
uint32_t countRuns(const Container& runs);
uint32_t countRunsInRuns(const Container& one, const Container& other);

// Values of an array that a run has, or none has; `into` may be where they are.
uint32_t keepInRuns(const Value* values, uint32_t count, const Container& runs, bool in, uint16_t* into);
uint32_t countValuesInRuns(const Value* values, uint32_t count, const Container& runs);

// Values of an array that another one has, or has not; `into` may be where the first ones are.
uint32_t keepInArray(const Value* values, uint32_t count, const Container& other, bool in, uint16_t* into);
uint32_t countInArray(const Container& one, const Container& other);

}  // namespace nofault::roaring
