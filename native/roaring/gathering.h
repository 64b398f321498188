// The containers of one column, made chunk by chunk from what its rows have, and held in memory until they are written
// as a sorted run. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "file_stream.h"
#include "write.h"

namespace nofault::roaring {

class Gathering {
 public:
  enum class Kind : uint8_t { values = 1, numbers = 2 };

  explicit Gathering(Kind kind) : kind_(kind) {}

  Kind kind() const { return kind_; }
  // Bytes of memory, near enough.
  uint64_t held() const;
  uint32_t keyCount() const { return static_cast<uint32_t>(keyEnds_.size()); }

  // More keys; `ends` are counted from the first of these bytes, ascend, and end with their length.
  void addKeys(const uint8_t* bytes, const uint32_t* ends, uint32_t count);
  // A chunk of values: for each row the number of its key, counted from 1, or 0 for null. At most keyCount().
  void addValues(uint16_t chunk, const uint32_t* ids, uint32_t rows);
  // A chunk of numbers: those where `nulls` is not 0 do not count.
  void addNumbers(uint16_t chunk, const int64_t* numbers, const uint8_t* nulls, uint32_t rows);

  // Writes all that is held as a run, and forgets it and the keys.
  void spill(FileWriter& to);

  // Of all chunks so far.
  uint64_t nulls() const { return nulls_; }
  int64_t least() const { return least_; }
  int64_t greatest() const { return greatest_; }
  // Binary digits that the numbers need, 0 when there are none.
  uint32_t slices() const;

 private:
  // A container of an entry: of a key, or of a slice.
  struct Held {
    uint64_t at;  // in data_
    uint32_t entry;
    uint32_t cardinality;
    uint32_t length;
    uint16_t chunk;
    Container::Form form;
  };

  void addExisting(uint16_t chunk, const uint64_t* bits);
  void hold(uint32_t entry, const Written& written, uint64_t at);
  std::vector<uint32_t> sortedKeys() const;
  Bytes key(uint32_t id) const;
  void spillValues(FileWriter& to) const;
  void spillNumbers(FileWriter& to) const;
  void writeHeld(const Bytes& key, const std::vector<const Held*>& parts, FileWriter& to) const;

  Kind kind_;
  Bytes keys_;
  std::vector<uint64_t> keyEnds_;
  Bytes data_;
  std::vector<Held> held_, existing_;
  std::vector<uint8_t> widths_;  // of the numbers in each chunk that is held, in binary digits
  std::vector<uint16_t> chunks_;
  uint64_t nulls_ = 0;
  bool any_ = false;
  int64_t least_ = 0, greatest_ = 0;
};

// Digits of two's complement that both numbers need.
uint32_t digitsOf(int64_t least, int64_t greatest);

}  // namespace nofault::roaring
