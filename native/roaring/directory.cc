#include "directory.h"

#include <cstring>

#include "checksum.h"

namespace nofault::roaring {

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kBlockHead = 8;
constexpr size_t kReferenceLength = 24;
constexpr uint8_t kLeaf = 1, kInner = 2;
constexpr size_t kReadAhead = 64 * kBlock;

// Numbers in the file are little-endian, as everything that nofault runs on.
template <class Number>
void put(uint8_t* at, Number number) {
  memcpy(at, &number, sizeof number);
}

template <class Number>
Number get(const uint8_t* at) {
  Number number;
  memcpy(&number, at, sizeof number);
  return number;
}

}  // namespace

bool Directory::Block::fits(size_t length) const {
  return kBlockHead + 2 * (starts.size() + 1) + entries.size() + length <= kBlock;
}

void Directory::Block::append(const void* bytes, size_t length) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  entries.insert(entries.end(), from, from + length);
}

void Directory::Block::writeTo(FileWriter& to, uint8_t type) {
  uint8_t block[kBlock] = {};
  block[4] = type;
  put(block + 6, static_cast<uint16_t>(starts.size()));
  const size_t first = kBlockHead + 2 * starts.size();
  for (size_t i = 0; i < starts.size(); ++i) put(block + kBlockHead + 2 * i, static_cast<uint16_t>(first + starts[i]));
  memcpy(block + first, entries.data(), entries.size());
  put(block, crc32c(block + 4, kBlock - 4));
  to.append(block, kBlock);
  entries.clear();
  starts.clear();
}

void Directory::add(const Bytes& key, const BitmapRef& ref) {
  if (!leaf_.fits(kReferenceLength + 2 + key.size())) {
    leaf_.writeTo(leaves_, kLeaf);
    ++leafCount_;
  }
  uint8_t head[kReferenceLength + 2];
  put(head, ref.offset);
  put(head + 8, ref.length);
  put(head + 12, ref.cardinality);
  put(head + 16, ref.containers);
  put(head + 20, ref.checksum);
  put(head + kReferenceLength, static_cast<uint16_t>(key.size()));
  leaf_.begin();
  leaf_.append(head, sizeof head);
  leaf_.append(key.data(), key.size());
  ++valueCount_;
}

void Directory::copyLeaves(FileWriter& to) {
  leaf_.writeTo(leaves_, kLeaf);
  ++leafCount_;
  leaves_.flush();
  FileReader reader(leavesFd_, 0, leafCount_ * kBlock, kReadAhead);
  if (!reader.each(leafCount_ * kBlock, [&to](const uint8_t* bytes, size_t length) { to.append(bytes, length); }))
    to.fail(reader.failure());
}

void Directory::finish(FileWriter& to, int fd) {
  if (valueCount_ == 0) return;
  to.align(kBlock);
  firstLeaf_ = to.offset();
  copyLeaves(to);
  height_ = 1;
  uint64_t first = firstLeaf_, count = leafCount_;
  for (; count > 1 && !to.failure(); ++height_) {
    to.flush();
    const uint64_t level = to.offset();
    FileReader below(fd, first, count * kBlock, kReadAhead);
    Block inner;
    for (uint64_t i = 0; i < count; ++i) {
      uint8_t block[kBlock];
      if (!below.read(block, kBlock)) {
        to.fail(below.failure());
        return;
      }
      // Behind the reference in a leaf, and behind the place of the child in an inner block.
      const uint8_t* entry = block + get<uint16_t>(block + kBlockHead) + (height_ == 1 ? kReferenceLength : 8);
      const auto keyLength = get<uint16_t>(entry);
      if (!inner.fits(size_t{8} + 2 + keyLength)) inner.writeTo(to, kInner);
      const uint64_t child = first + i * kBlock;
      inner.begin();
      inner.append(&child, sizeof child);
      inner.append(entry, size_t{2} + keyLength);
    }
    inner.writeTo(to, kInner);
    first = level;
    count = (to.offset() - level) / kBlock;
  }
  root_ = first;
}

}  // namespace nofault::roaring
