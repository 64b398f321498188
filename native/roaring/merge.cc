#include "merge.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "checksum.h"

namespace nofault::roaring {

namespace {

// Of all runs together.
constexpr size_t kReadBuffers = size_t{8} << 20;
constexpr size_t kLongestBuffer = size_t{1} << 20;

// As many slices as the longest run has.
constexpr uint32_t kAllSlices = ~uint32_t{0};

int compare(const Bytes& a, const Bytes& b) {
  const int compared = memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
  if (compared != 0) return compared;
  return a.size() < b.size() ? -1 : static_cast<int>(a.size() > b.size());
}

}  // namespace

Merge::Merge(Gathering::Kind kind, const std::vector<RunPlace>& runs, const std::atomic<bool>& stop)
    : kind_(kind), stop_(stop) {
  const size_t buffer = std::min(kLongestBuffer, kReadBuffers / std::max<size_t>(1, runs.size()));
  readers_.reserve(runs.size());
  for (const RunPlace& run : runs) readers_.emplace_back(run, buffer);
}

bool Merge::stopped() {
  if (stop_.load(std::memory_order_relaxed)) note({ECANCELED, nullptr});
  return static_cast<bool>(failure_);
}

void Merge::note(const Failure& failure) {
  if (!failure_) failure_ = failure;
}

bool Merge::advance(RunReader& reader) {
  if (reader.next()) return true;
  note(reader.failure());
  return false;
}

std::vector<Written> Merge::containersOf(const Group& group) const {
  std::vector<Written> all;
  for (const RunReader* reader : group) all.insert(all.end(), reader->containers().begin(), reader->containers().end());
  return all;
}

void Merge::copy(const Group& group, FileWriter& to, uint32_t* checksum) {
  for (RunReader* reader : group) {
    const bool read = reader->eachByte([&](const uint8_t* bytes, size_t length) {
      if (checksum != nullptr) *checksum = crc32c(bytes, length, *checksum);
      to.append(bytes, length);
    });
    if (!read) note(reader->failure());
  }
}

void Merge::writeRunEntry(const Bytes& key, const Group& group, FileWriter& to) {
  writeEntry(key, containersOf(group), to);
  copy(group, to, nullptr);
}

BitmapRef Merge::writeBitmap(const Group& group, FileWriter& to) {
  const std::vector<Written> containers = containersOf(group);
  if (containers.empty()) return {};
  BitmapRef ref;
  ref.offset = to.offset();
  ref.containers = static_cast<uint32_t>(containers.size());
  for (const Written& one : containers) ref.cardinality += one.cardinality;
  Bytes header;
  writeHeader(containers, header);
  ref.checksum = crc32c(header.data(), header.size());
  to.append(header);
  copy(group, to, &ref.checksum);
  ref.length = static_cast<uint32_t>(to.offset() - ref.offset);
  return ref;
}

template <class Take>
void Merge::eachValue(Take take) {
  // A heap of the runs that have not ended, the least key on top; of equal ones the earlier run.
  std::vector<RunReader*> heap;
  const auto later = [](const RunReader* a, const RunReader* b) {
    const int compared = compare(a->key(), b->key());
    return compared != 0 ? compared > 0 : a > b;
  };
  for (RunReader& reader : readers_)
    if (advance(reader)) heap.push_back(&reader);
  std::make_heap(heap.begin(), heap.end(), later);
  Group group;
  while (!heap.empty() && !stopped()) {
    group.clear();
    do {
      std::pop_heap(heap.begin(), heap.end(), later);
      group.push_back(heap.back());
      heap.pop_back();
    } while (!heap.empty() && compare(heap.front()->key(), group.front()->key()) == 0);
    take(group.front()->key(), group);
    for (RunReader* reader : group) {
      if (!advance(*reader)) continue;
      heap.push_back(reader);
      std::push_heap(heap.begin(), heap.end(), later);
    }
  }
}

template <class Take>
void Merge::eachSlice(uint32_t slices, Take take) {
  Group group;
  for (uint32_t slice = 0; slice < slices && !stopped(); ++slice) {
    group.clear();
    bool more = false;
    for (RunReader& reader : readers_) {
      more |= advance(reader);
      // Digits above those that a run needs are its sign's, which is its last entry. The first one is not a slice.
      if (reader.entries() > 1) group.push_back(&reader);
    }
    if (slices == kAllSlices && !more) break;
    take(Bytes{}, group);
  }
}

Merge::Group Merge::readExisting() {
  Group all;
  for (RunReader& reader : readers_) {
    if (!advance(reader)) note({EIO, "pread"});
    all.push_back(&reader);
  }
  return all;
}

void Merge::intoRun(FileWriter& to) {
  const Group all = readExisting();
  if (failure_) return;
  writeRunEntry({}, all, to);
  auto write = [&](const Bytes& key, const Group& group) {
    writeRunEntry(key, group, to);
    note(to.failure());
  };
  kind_ == Gathering::Kind::values ? eachValue(write) : eachSlice(kAllSlices, write);
  to.flush();
  note(to.failure());
}

ColumnPlace Merge::intoColumn(FileWriter& to, int fd, bool existing, uint32_t slices, int leaves) {
  ColumnPlace place;
  const Group all = readExisting();
  if (failure_) return place;
  if (existing) place.existing = writeBitmap(all, to);
  if (kind_ == Gathering::Kind::numbers) {
    eachSlice(slices, [&](const Bytes&, const Group& group) {
      place.bits.push_back(writeBitmap(group, to));
      note(to.failure());
    });
  } else {
    Directory directory(leaves, to.written());
    eachValue([&](const Bytes& key, const Group& group) {
      directory.add(key, writeBitmap(group, to));
      note(to.failure());
      note(directory.failure());
    });
    if (!failure_) directory.finish(to, fd);
    note(directory.failure());
    place.valueCount = directory.valueCount();
    place.root = directory.root();
    place.height = directory.height();
    place.firstLeaf = directory.firstLeaf();
    place.leafCount = directory.leafCount();
  }
  to.flush();
  note(to.failure());
  return place;
}

}  // namespace nofault::roaring
