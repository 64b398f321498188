#include "run.h"

namespace nofault::roaring {

namespace {

// A container in a run's file.
struct Described {
  uint16_t key, more, length, form;
};
static_assert(sizeof(Described) == 8);

struct EntryHead {
  uint32_t keyLength, containers;
};

}  // namespace

void writeEntry(const Bytes& key, const std::vector<Written>& containers, FileWriter& to) {
  const EntryHead head{static_cast<uint32_t>(key.size()), static_cast<uint32_t>(containers.size())};
  to.append(&head, sizeof head);
  to.append(key);
  for (const Written& one : containers) {
    const Described described{one.key, static_cast<uint16_t>(one.cardinality - 1), static_cast<uint16_t>(one.length),
                              static_cast<uint16_t>(one.form)};
    to.append(&described, sizeof described);
  }
}

bool RunReader::next() {
  const uint64_t behind = data_ + dataLength_;
  if (entries_ > 0) reader_.seek(behind);
  if (reader_.atEnd()) return false;
  EntryHead head{};
  if (!reader_.read(&head, sizeof head)) return false;
  key_.resize(head.keyLength);
  if (!reader_.read(key_.data(), key_.size())) return false;
  containers_.clear();
  dataLength_ = 0;
  for (uint32_t i = 0; i < head.containers; ++i) {
    Described described{};
    if (!reader_.read(&described, sizeof described)) return false;
    containers_.push_back(
        {described.key, static_cast<Container::Form>(described.form), described.more + 1U, described.length});
    dataLength_ += described.length;
  }
  data_ = reader_.offset();
  ++entries_;
  return true;
}

}  // namespace nofault::roaring
