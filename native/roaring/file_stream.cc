#include "file_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nofault::roaring {

namespace {

constexpr size_t kBuffer = size_t{1} << 20;

// A private file ended before what was written to it: there is no better errno.
constexpr Failure kCutOff{EIO, "pread"};

}  // namespace

FileWriter::FileWriter(int fd, uint64_t offset, std::atomic<uint64_t>& written)
    : fd_(fd), offset_(offset), written_(written) {
  buffer_.reserve(kBuffer);
}

void FileWriter::append(const void* bytes, size_t length) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (length > 0) {
    if (buffer_.size() == kBuffer) flush();
    const size_t piece = std::min(length, kBuffer - buffer_.size());
    buffer_.insert(buffer_.end(), from, from + piece);
    from += piece;
    length -= piece;
  }
}

void FileWriter::align(uint32_t alignment) {
  static constexpr uint8_t kZeros[64] = {};
  while (offset() % alignment != 0) append(kZeros, std::min<uint64_t>(sizeof kZeros, alignment - offset() % alignment));
}

void FileWriter::flush() {
  size_t done = 0;
  while (done < buffer_.size() && !failure_) {
    const ssize_t count = pwrite(fd_, buffer_.data() + done, buffer_.size() - done, static_cast<off_t>(offset_ + done));
    if (count > 0) {
      done += static_cast<size_t>(count);
      written_.fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
    } else if (count == 0) {
      fail({ENOSPC, "pwrite"});
    } else if (errno != EINTR) {
      fail({errno, "pwrite"});
    }
  }
  offset_ += buffer_.size();
  buffer_.clear();
}

void FileWriter::fail(const Failure& failure) {
  if (!failure_) failure_ = failure;
}

FileReader::FileReader(int fd, uint64_t offset, uint64_t length, size_t bufferLength)
    : fd_(fd), next_(offset), end_(offset + length), buffer_(bufferLength) {}

bool FileReader::read(void* into, size_t length) {
  auto* to = static_cast<uint8_t*>(into);
  if (length > end_ - offset()) {
    if (!failure_) failure_ = kCutOff;
    return false;
  }
  return each(length, [&to](const uint8_t* bytes, size_t count) {
    memcpy(to, bytes, count);
    to += count;
  });
}

void FileReader::seek(uint64_t offset) {
  const uint64_t first = next_ - filled_;
  if (offset >= first && offset <= next_) {
    at_ = static_cast<size_t>(offset - first);
  } else {
    next_ = offset;
    at_ = filled_ = 0;
  }
}

bool FileReader::fill(size_t length) {
  if (available() >= length) return true;
  memmove(buffer_.data(), buffer_.data() + at_, available());
  filled_ = available();
  at_ = 0;
  while (filled_ < length && !failure_) {
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(buffer_.size() - filled_, end_ - std::min(next_, end_)));
    const ssize_t count = wanted == 0 ? 0 : pread(fd_, buffer_.data() + filled_, wanted, static_cast<off_t>(next_));
    if (count > 0) {
      filled_ += static_cast<size_t>(count);
      next_ += static_cast<uint64_t>(count);
    } else if (count == 0) {
      failure_ = kCutOff;
    } else if (errno != EINTR) {
      failure_ = {errno, "pread"};
    }
  }
  return !failure_;
}

}  // namespace nofault::roaring
