// Files that are written and read from one end to the other on a thread, through a buffer. The first failure is kept,
// and nothing is done after it, so that callers look once, at the end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "write.h"

namespace nofault::roaring {

// What a system call failed with; nothing failed while `error` is 0.
struct Failure {
  int error = 0;
  const char* syscall = nullptr;

  explicit operator bool() const { return error != 0; }
};

class FileWriter {
 public:
  // `written` counts the bytes for whoever looks on. The descriptor stays the caller's.
  FileWriter(int fd, uint64_t offset, std::atomic<uint64_t>& written);

  void append(const void* bytes, size_t length);
  void append(const Bytes& bytes) { append(bytes.data(), bytes.size()); }
  // Appends zeros up to a multiple of `alignment`.
  void align(uint32_t alignment);
  // Makes what was appended readable for others.
  void flush();
  // Where the next byte will lie.
  uint64_t offset() const { return offset_ + buffer_.size(); }
  std::atomic<uint64_t>& written() { return written_; }
  const Failure& failure() const { return failure_; }
  void fail(const Failure& failure);

 private:
  int fd_;
  uint64_t offset_;  // of the buffer's first byte
  std::atomic<uint64_t>& written_;
  Bytes buffer_;
  Failure failure_;
};

class FileReader {
 public:
  FileReader(int fd, uint64_t offset, uint64_t length, size_t bufferLength);

  // Copies the next bytes; false, and nothing was copied, when there are not so many or the read failed.
  bool read(void* into, size_t length);
  // Hands the next bytes to `take`, in pieces.
  template <class Take>
  bool each(uint64_t length, Take take) {
    while (length > 0) {
      if (!fill(1)) return false;
      const size_t piece = static_cast<size_t>(length < available() ? length : available());
      take(buffer_.data() + at_, piece);
      at_ += piece;
      length -= piece;
    }
    return true;
  }
  void seek(uint64_t offset);
  uint64_t offset() const { return next_ - available(); }
  bool atEnd() const { return offset() >= end_; }
  const Failure& failure() const { return failure_; }

 private:
  size_t available() const { return filled_ - at_; }
  // Has at least `length` bytes in the buffer, which is at most as long as the buffer.
  bool fill(size_t length);

  int fd_;
  uint64_t next_, end_;  // of what is not in the buffer yet
  Bytes buffer_;
  size_t at_ = 0, filled_ = 0;
  Failure failure_;
};

}  // namespace nofault::roaring
