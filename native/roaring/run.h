// A sorted run: what one column gathered in memory, written to a file of the build's own that nobody else reads. First
// the containers of the rows that have a value, then entries by ascending key: of values the key's bytes, of numbers
// the slice. Runs cover chunks one after the other, so that the containers of an entry in several runs just follow one
// another.
#pragma once

#include <cstdint>
#include <vector>

#include "file_stream.h"
#include "write.h"

namespace nofault::roaring {

// Where a run lies.
struct RunPlace {
  int fd;
  uint64_t offset, length;
};

// Begins an entry; the bytes of its containers follow.
void writeEntry(const Bytes& key, const std::vector<Written>& containers, FileWriter& to);

class RunReader {
 public:
  explicit RunReader(const RunPlace& place, size_t bufferLength)
      : reader_(place.fd, place.offset, place.length, bufferLength) {}

  // Goes to the next entry; false at the end of the run, when the last one stays, and when it cannot be read.
  bool next();
  // How many entries have been read.
  uint32_t entries() const { return entries_; }
  const Bytes& key() const { return key_; }
  const std::vector<Written>& containers() const { return containers_; }
  // Hands the bytes of the entry's containers to `take`, in pieces. Can be done again.
  template <class Take>
  bool eachByte(Take take) {
    reader_.seek(data_);
    return reader_.each(dataLength_, take);
  }
  const Failure& failure() const { return reader_.failure(); }

 private:
  FileReader reader_;
  uint32_t entries_ = 0;
  Bytes key_;
  std::vector<Written> containers_;
  uint64_t data_ = 0, dataLength_ = 0;
};

}  // namespace nofault::roaring
