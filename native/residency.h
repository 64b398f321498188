// Which pages are resident: the question that decides between a hit and a miss, asked on the event loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "window.h"

namespace nofault {

// Asks about pages of placed windows. Belongs to one environment: it keeps scratch memory, and counts the waits that it
// could not avoid.
class Residency {
 public:
  // Whether one page is resident; it is mapped when it is, so that reading it takes no fault.
  bool hit(const Window& window, uint64_t page);

  // The same for a vector: states[i] turns from 0 to 1 where all of entry i is resident. Returns how many did. Entries
  // whose window has not been placed, and those that it did not get to within its budget of time, stay 0.
  size_t vector(const WindowTable& windows, const double* first, const double* count, size_t length, uint8_t* states);

  // Times when mapping a page made the thread wait after all.
  uint64_t blockedTouches() const { return blockedTouches_; }

 private:
  struct Question;

  void askPageTable(Question& question);
  void askPageCache(Question& question, size_t begin, size_t end, uint64_t first, uint64_t last, bool unmapped);
  bool isMapped(const Window& window, uint64_t first, uint64_t last);
  bool touch(char* address, size_t length);
  bool touch(Question& question, char* address, size_t length);

  // Single pages collected for one move_pages call, and which entry each belongs to.
  std::vector<void*> addresses_;
  std::vector<int> status_;
  std::vector<uint32_t> entries_;
  std::vector<unsigned char> vector_;
  uint64_t blockedTouches_ = 0;
};

}  // namespace nofault
