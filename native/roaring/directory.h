// The directory of a column of values in an index file (docs/format.md): a tree of blocks, whose leaves lie side by
// side behind the bitmaps. They are many, so they wait in a file of their own until the last bitmap is written.
#pragma once

#include <cstdint>

#include "file_stream.h"
#include "write.h"

namespace nofault::roaring {

// Where a bitmap lies, as in the file. All 0 for one without rows.
struct BitmapRef {
  uint64_t offset = 0;
  uint32_t length = 0, cardinality = 0, containers = 0, checksum = 0;
};

class Directory {
 public:
  // `leaves` is the file that leaves wait in, from its start on.
  Directory(int leaves, std::atomic<uint64_t>& written) : leavesFd_(leaves), leaves_(leaves, 0, written) {}

  // Keys ascend.
  void add(const Bytes& key, const BitmapRef& ref);
  // Writes all blocks, beginning at the next multiple of their length. `fd` is what `to` writes, and can be read.
  void finish(FileWriter& to, int fd);

  uint64_t valueCount() const { return valueCount_; }
  uint64_t root() const { return root_; }
  uint64_t height() const { return height_; }
  uint64_t firstLeaf() const { return firstLeaf_; }
  uint64_t leafCount() const { return leafCount_; }
  const Failure& failure() const { return leaves_.failure(); }

 private:
  // A block that is being filled.
  struct Block {
    Bytes entries;
    std::vector<uint16_t> starts;

    bool fits(size_t length) const;
    void begin() { starts.push_back(static_cast<uint16_t>(entries.size())); }
    void append(const void* bytes, size_t length);
    void writeTo(FileWriter& to, uint8_t type);
  };

  void copyLeaves(FileWriter& to);

  int leavesFd_;
  FileWriter leaves_;
  Block leaf_;
  uint64_t valueCount_ = 0, root_ = 0, height_ = 0, firstLeaf_ = 0, leafCount_ = 0;
};

}  // namespace nofault::roaring
