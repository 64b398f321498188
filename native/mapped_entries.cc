#include "mapped_entries.h"

#include "kernel.h"

namespace nofault {

namespace {

constexpr size_t kAddressesPerCall = 1024;

}  // namespace

MappedEntries askMapped(OpenFile& file, const std::vector<AskedEntry>& entries) {
  MappedEntries answer{now(), {}};
  std::vector<void*> addresses;
  std::vector<size_t> owners;  // whose address each is
  std::vector<bool> unmapped(entries.size());
  std::vector<int> status;
  const auto ask = [&] {
    status.resize(addresses.size());
    const bool told = kernel::mapped(addresses.data(), addresses.size(), status.data());
    for (size_t i = 0; i < addresses.size(); ++i) {
      if (!told || status[i] < 0) unmapped[owners[i]] = true;
    }
    addresses.clear();
    owners.clear();
  };
  std::shared_ptr<Window> window;
  for (size_t i = 0; i < entries.size(); ++i) {
    const AskedEntry& entry = entries[i];
    // What is asked about while its window goes is not mapped by the window that comes.
    window = file.shareWindow(entry.first);
    if (!window || entry.first + entry.pages > window->firstPage + window->pageCount) {
      unmapped[i] = true;
      continue;
    }
    for (uint64_t page = entry.first; page < entry.first + entry.pages; ++page) {
      addresses.push_back(window->addressOf(page));
      owners.push_back(i);
      if (addresses.size() == kAddressesPerCall) ask();
    }
  }
  ask();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (unmapped[i]) answer.unmapped.push_back(entries[i].index);
  }
  return answer;
}

}  // namespace nofault
