#include "pairs.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "operate.h"

namespace nofault::roaring {

using Form = Container::Form;

void orWith(uint64_t* bits, const Container& other) {
  switch (other.form) {
    case Form::none:
      break;
    case Form::array:
      kernels().set(bits, other.values(), other.count);
      break;
    case Form::bitset:
      kernels().orInto(bits, other.words());
      break;
    case Form::runs:
      setRuns(bits, other);
      break;
    case Form::full:
      memset(bits, 0xff, kBitsetBytes);
      break;
  }
}

Container keepIn(const Container& acc, const Container& other, uint64_t* bits, uint16_t* values) {
  if (other.is(Form::full)) return acc;
  if (acc.is(Form::full)) return other;
  if (acc.is(Form::array)) {
    const uint32_t kept = other.is(Form::array)    ? keepInArray(acc.values(), acc.count, other, true, values)
                          : other.is(Form::bitset) ? kernels().keepIn(other.words(), acc.values(), acc.count, values)
                                                   : keepInRuns(acc.values(), acc.count, other, true, values);
    return Container::array(values, kept);
  }
  if (other.is(Form::array)) return keepIn(other, acc, bits, values);
  if (acc.is(Form::bitset) && other.is(Form::bitset)) {
    acc.bytes == reinterpret_cast<uint8_t*>(bits) ? kernels().andInto(bits, other.words())
                                                  : kernels().andTo(bits, acc.words(), other.words());
  } else {
    // At least one of them is runs, which are clipped out of the other one.
    const bool first = acc.is(Form::runs) && other.is(Form::bitset);
    assign(first ? other : acc, bits);
    keepRuns(bits, first ? acc : other);
  }
  return Container::bitset(bits);
}

Container keepOut(const Container& acc, const Container& other, uint64_t* bits, uint16_t* values) {
  if (other.is(Form::full)) return {};
  if (acc.is(Form::array)) {
    const uint32_t kept = other.is(Form::array)    ? keepInArray(acc.values(), acc.count, other, false, values)
                          : other.is(Form::bitset) ? kernels().keepOut(other.words(), acc.values(), acc.count, values)
                                                   : keepInRuns(acc.values(), acc.count, other, false, values);
    return Container::array(values, kept);
  }
  if (acc.is(Form::bitset) && other.is(Form::bitset)) {
    acc.bytes == reinterpret_cast<uint8_t*>(bits) ? kernels().minusInto(bits, other.words())
                                                  : kernels().minusTo(bits, acc.words(), other.words());
    return Container::bitset(bits);
  }
  assign(acc, bits);
  if (other.is(Form::array)) {
    kernels().clear(bits, other.values(), other.count);
  } else if (other.is(Form::bitset)) {
    kernels().minusInto(bits, other.words());
  } else {
    clearRuns(bits, other);
  }
  return Container::bitset(bits);
}

uint32_t clamped(int64_t count) { return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, kChunk)); }

void assign(const Container& one, uint64_t* bits) {
  if (one.is(Form::bitset)) {
    if (one.bytes != reinterpret_cast<uint8_t*>(bits)) memcpy(bits, one.bytes, kBitsetBytes);
    return;
  }
  if (!one.is(Form::full)) memset(bits, 0, kBitsetBytes);
  orWith(bits, one);
}

uint32_t countOf(const Container& one) {
  switch (one.form) {
    case Form::none:
      break;
    case Form::array:
      return one.count;
    case Form::bitset:
      return kernels().count(one.words());
    case Form::runs:
      return countRuns(one);
    case Form::full:
      return kChunk;
  }
  return 0;
}

uint32_t countCommon(const Container& one, const Container& other) {
  if (one.is(Form::none) || other.is(Form::none)) return 0;
  if (one.is(Form::full)) return countOf(other);
  if (other.is(Form::full)) return countOf(one);
  if (other.form < one.form) return countCommon(other, one);
  if (one.is(Form::array)) {
    return other.is(Form::array)    ? countInArray(one, other)
           : other.is(Form::bitset) ? kernels().countIn(other.words(), one.values(), one.count)
                                    : countValuesInRuns(one.values(), one.count, other);
  }
  if (one.is(Form::bitset))
    return other.is(Form::bitset) ? kernels().countAnd(one.words(), other.words())
                                  : clamped(countInRuns(one.words(), other));
  return clamped(countRunsInRuns(one, other));
}

uint32_t rowsOf(const Container& one, uint32_t base, uint32_t* into) {
  switch (one.form) {
    case Form::none:
      break;
    case Form::array:
      return kernels().rowsFrom(one.values(), one.count, base, into);
    case Form::bitset:
      return kernels().rowsOf(one.words(), base, into);
    case Form::runs: {
      // Runs that overlap where nothing should would be more rows than there is room for.
      uint32_t rows = 0, next = 0;
      for (uint32_t i = 0; i < one.count; ++i) {
        const Run run = one.run(i);
        for (uint32_t row = std::max(run.first, next); row <= run.last; ++row) into[rows++] = base + row;
        next = std::max(next, run.last + 1);
      }
      return rows;
    }
    case Form::full:
      for (uint32_t row = 0; row < kChunk; ++row) into[row] = base + row;
      return kChunk;
  }
  return 0;
}

}  // namespace nofault::roaring
