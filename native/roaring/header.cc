#include "header.h"

#include <algorithm>
#include <cstring>

#include "format.h"

namespace nofault::roaring {

namespace {

uint16_t read16(const uint8_t* bytes) {
  uint16_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

uint32_t read32(const uint8_t* bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return value;
}

bool fail(Malformed& wrong, const char* what, uint64_t offset) {
  wrong = {what, offset};
  return false;
}

// What the first bytes say.
struct Start {
  uint32_t containers = 0;
  bool runs = false;
  bool places = true;         // it says where the containers are
  uint64_t descriptions = 0;  // where the keys and cardinalities begin
  uint64_t length = 0;        // of the header

  bool read(const uint8_t* bytes, uint64_t available, Malformed& wrong);
};

bool Start::read(const uint8_t* bytes, uint64_t available, Malformed& wrong) {
  if (available < kHeaderStart) return fail(wrong, "it ends within its header", available);
  const uint32_t cookie = read32(bytes);
  if ((cookie & 0xffff) == kCookie) {
    runs = true;
    containers = (cookie >> 16) + 1;
    descriptions = 4 + (containers + 7) / 8;
    places = containers >= kFewestPlaced;
  } else if (cookie == kCookieWithoutRuns) {
    containers = read32(bytes + 4);
    descriptions = 8;
    if (containers > kChunks) return fail(wrong, "it has more containers than there are chunks", 4);
  } else {
    return fail(wrong, "it does not begin like a Roaring bitmap", 0);
  }
  length = descriptions + uint64_t{containers} * (places ? 8 : 4);
  return true;
}

}  // namespace

uint64_t headerLength(const uint8_t* start, uint64_t length) {
  Start known;
  Malformed wrong;
  if (!known.read(start, std::min(length, kHeaderStart), wrong)) return std::min(length, kHeaderStart);
  // Without places each container must be looked at to know where the next one is.
  const uint64_t bodies = known.places ? 0 : uint64_t{known.containers} * kMostRunBytes;
  return std::min(length, known.length + bodies);
}

bool parse(const uint8_t* bytes, uint64_t available, uint64_t length, Header& header, Malformed& wrong) {
  Start start;
  if (!start.read(bytes, available, wrong)) return false;
  if (start.length > available) return fail(wrong, "it ends within its header", available);
  const uint8_t* flags = bytes + 4;
  const uint64_t offsets = start.descriptions + uint64_t{start.containers} * 4;
  header.length = start.length;
  header.cardinality = 0;
  header.places.resize(start.containers);
  uint64_t end = start.length;  // of what comes before the container, as far as that is known
  for (uint32_t i = 0; i < start.containers; ++i) {
    Place& place = header.places[i];
    const uint64_t here = start.descriptions + uint64_t{i} * 4;
    place.key = read16(bytes + here);
    place.cardinality = uint32_t{read16(bytes + here + 2)} + 1;
    if (i > 0 && place.key <= header.places[i - 1].key) return fail(wrong, "its containers do not ascend", here);
    const bool runs = start.runs && ((flags[i / 8] >> (i % 8)) & 1) != 0;
    place.form = runs                               ? Container::Form::runs
                 : place.cardinality <= kMostValues ? Container::Form::array
                                                    : Container::Form::bitset;
    const uint64_t offset = start.places ? read32(bytes + offsets + uint64_t{i} * 4) : end;
    if (offset < end || offset > length)
      return fail(wrong, "a container does not lie where it could", start.places ? offsets + uint64_t{i} * 4 : end);
    place.offset = static_cast<uint32_t>(offset);
    if (!runs) {
      place.length = place.form == Container::Form::array ? place.cardinality * 2 : kBitsetBytes;
      end = offset + place.length;
      if (end > length) return fail(wrong, "it ends before its last container", length);
    } else if (start.places) {
      // Up to the next container: the number of runs stands with them, and is read when they are.
      const uint64_t next = i + 1 < start.containers ? read32(bytes + offsets + uint64_t{i} * 4 + 4) : length;
      place.length = static_cast<uint32_t>(std::min<uint64_t>(next > offset ? next - offset : 0, kMostRunBytes));
      end = offset + 2;
      if (place.length < 2 || end > length) return fail(wrong, "there is no room for a container", offset);
    } else {
      if (offset + 2 > available) return fail(wrong, "it ends before its last container", available);
      place.length = 2 + 4 * uint32_t{read16(bytes + offset)};
      end = offset + place.length;
      if (end > length || place.length > kMostRunBytes) return fail(wrong, "it ends before its last container", offset);
    }
    header.cardinality += place.cardinality;
  }
  return true;
}

}  // namespace nofault::roaring
