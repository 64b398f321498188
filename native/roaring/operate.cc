#include "operate.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels.h"

namespace nofault::roaring {

namespace {

// One array so much shorter than the other is looked up in it; otherwise, when both are short, they are walked along
// together; and when they are long one becomes a bitset.
constexpr uint32_t kLookUp = 32;
constexpr uint32_t kShort = 256;

uint64_t maskFrom(uint32_t bit) { return ~uint64_t{0} << (bit % 64); }
uint64_t maskTo(uint32_t bit) { return ~uint64_t{0} >> (63 - bit % 64); }

// Calls `act(word, mask)` for each word that has bits from `first` to `last`.
template <class Act>
void forEachWord(uint32_t first, uint32_t last, Act act) {
  if (first > last) return;
  const uint32_t from = first / 64, to = last / 64;
  if (from == to) return act(from, maskFrom(first) & maskTo(last));
  act(from, maskFrom(first));
  for (uint32_t word = from + 1; word < to; ++word) act(word, ~uint64_t{0});
  act(to, maskTo(last));
}

bool has(const Container& array, uint16_t value) {
  const Value* values = array.values();
  uint32_t from = 0, to = array.count;
  while (from < to) {
    const uint32_t middle = (from + to) / 2;
    if (values[middle] < value) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from < array.count && values[from] == value;
}

}  // namespace

void setRange(uint64_t* bits, uint32_t first, uint32_t last) {
  forEachWord(first, last, [&](uint32_t word, uint64_t mask) { bits[word] |= mask; });
}

void clearRange(uint64_t* bits, uint32_t first, uint32_t last) {
  forEachWord(first, last, [&](uint32_t word, uint64_t mask) { bits[word] &= ~mask; });
}

uint32_t countRange(const Word* bits, uint32_t first, uint32_t last) {
  uint32_t sum = 0;
  forEachWord(first, last, [&](uint32_t word, uint64_t mask) {
    sum += static_cast<uint32_t>(__builtin_popcountll(bits[word] & mask));
  });
  return sum;
}

void setRuns(uint64_t* bits, const Container& runs) {
  for (uint32_t i = 0; i < runs.count; ++i) {
    const Run run = runs.run(i);
    setRange(bits, run.first, run.last);
  }
}

void clearRuns(uint64_t* bits, const Container& runs) {
  for (uint32_t i = 0; i < runs.count; ++i) {
    const Run run = runs.run(i);
    clearRange(bits, run.first, run.last);
  }
}

void keepRuns(uint64_t* bits, const Container& runs) {
  uint32_t next = 0;  // the first bit that no run has come to
  for (uint32_t i = 0; i < runs.count; ++i) {
    const Run run = runs.run(i);
    if (run.first > next) clearRange(bits, next, run.first - 1);
    next = std::max(next, run.last + 1);
  }
  if (next < kChunk) clearRange(bits, next, kChunk - 1);
}

uint32_t countInRuns(const Word* bits, const Container& runs) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < runs.count; ++i) {
    const Run run = runs.run(i);
    sum += countRange(bits, run.first, run.last);
  }
  return sum;
}

uint32_t countRuns(const Container& runs) {
  uint32_t sum = 0, next = 0;
  for (uint32_t i = 0; i < runs.count; ++i) {
    const Run run = runs.run(i);
    if (run.last < next) continue;
    sum += run.last - std::max(run.first, next) + 1;
    next = run.last + 1;
  }
  return sum;
}

uint32_t countRunsInRuns(const Container& one, const Container& other) {
  uint32_t sum = 0, i = 0, j = 0;
  Run a = one.run(0), b = other.run(0);
  for (;;) {
    const uint32_t first = std::max(a.first, b.first), last = std::min(a.last, b.last);
    if (first <= last) sum += last - first + 1;
    if (a.last < b.last) {
      if (++i == one.count) return sum;
      a = one.run(i);
    } else {
      if (++j == other.count) return sum;
      b = other.run(j);
    }
  }
}

uint32_t keepInRuns(const Value* values, uint32_t count, const Container& runs, bool in, uint16_t* into) {
  uint32_t kept = 0, next = 0;
  Run run = runs.run(next++);
  for (uint32_t i = 0; i < count; ++i) {
    const uint16_t value = values[i];
    while (run.last < value && next < runs.count) run = runs.run(next++);
    into[kept] = value;
    kept += static_cast<uint32_t>((run.first <= value && value <= run.last) == in);
  }
  return kept;
}

uint32_t countValuesInRuns(const Value* values, uint32_t count, const Container& runs) {
  uint32_t sum = 0, next = 0;
  Run run = runs.run(next++);
  for (uint32_t i = 0; i < count; ++i) {
    const uint16_t value = values[i];
    while (run.last < value && next < runs.count) run = runs.run(next++);
    sum += static_cast<uint32_t>(run.first <= value && value <= run.last);
  }
  return sum;
}

uint32_t keepInArray(const Value* values, uint32_t count, const Container& other, bool in, uint16_t* into) {
  uint32_t kept = 0;
  if (uint64_t{count} * kLookUp < other.count) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint16_t value = values[i];
      into[kept] = value;
      kept += static_cast<uint32_t>(has(other, value) == in);
    }
    return kept;
  }
  if (count + other.count > kShort) {
    alignas(64) uint64_t bits[kWords];
    memset(bits, 0, sizeof bits);
    kernels().set(bits, other.values(), other.count);
    const Word* words = reinterpret_cast<const Word*>(bits);
    return in ? kernels().keepIn(words, values, count, into) : kernels().keepOut(words, values, count, into);
  }
  const Value* others = other.values();
  for (uint32_t i = 0, j = 0; i < count; ++i) {
    const uint16_t value = values[i];
    while (j < other.count && others[j] < value) ++j;
    into[kept] = value;
    kept += static_cast<uint32_t>((j < other.count && others[j] == value) == in);
  }
  return kept;
}

uint32_t countInArray(const Container& one, const Container& other) {
  const Container& fewer = one.count < other.count ? one : other;
  const Container& more = one.count < other.count ? other : one;
  const Value* values = fewer.values();
  uint32_t sum = 0;
  if (uint64_t{fewer.count} * kLookUp < more.count) {
    for (uint32_t i = 0; i < fewer.count; ++i) sum += static_cast<uint32_t>(has(more, values[i]));
    return sum;
  }
  if (fewer.count + more.count > kShort) {
    alignas(64) uint64_t bits[kWords];
    memset(bits, 0, sizeof bits);
    kernels().set(bits, values, fewer.count);
    return kernels().countIn(reinterpret_cast<const Word*>(bits), more.values(), more.count);
  }
  const Value* others = more.values();
  for (uint32_t i = 0, j = 0; i < fewer.count; ++i) {
    const uint16_t value = values[i];
    while (j < more.count && others[j] < value) ++j;
    sum += static_cast<uint32_t>(j < more.count && others[j] == value);
  }
  return sum;
}

}  // namespace nofault::roaring
