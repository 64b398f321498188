#include "check_container.h"

#include "kernels.h"

namespace nofault::roaring {

namespace {

std::optional<Malformed> checkArray(const Container& array) {
  const Value* values = array.values();
  for (uint32_t i = 1; i < array.count; ++i)
    if (values[i] <= values[i - 1]) return Malformed{"the values of an array do not ascend", uint64_t{i} * 2};
  return {};
}

std::optional<Malformed> checkRuns(const Place& place, const uint8_t* bytes) {
  const uint32_t count = bytes[0] | uint32_t{bytes[1]} << 8;
  if (2 + 4 * uint64_t{count} != place.length) return Malformed{"a container of runs has another length", 0};
  // Not auto, which forgets that a Value may lie at any address.
  const Value* pairs = reinterpret_cast<const Value*>(bytes + 2);
  uint64_t cardinality = 0, next = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t first = pairs[2 * i], more = pairs[2 * i + 1];
    if (first < next || first + more >= kChunk) return Malformed{"runs do not ascend", 2 + i * 4};
    cardinality += more + 1;
    next = first + more + 1;
  }
  if (cardinality != place.cardinality) return Malformed{"a container of runs has another cardinality", 0};
  return {};
}

}  // namespace

std::optional<Malformed> check(const Place& place, const uint8_t* bytes) {
  if (place.form == Container::Form::array) return checkArray(Container::array(bytes, place.cardinality));
  if (place.form == Container::Form::runs) return checkRuns(place, bytes);
  if (kernels().count(Container::bitset(bytes).words()) != place.cardinality)
    return Malformed{"a bitset has another cardinality", 0};
  return {};
}

}  // namespace nofault::roaring
