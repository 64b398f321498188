// Which pages are resident: the question that decides between a hit and a miss, asked on the event loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "window.h"

namespace nofault {

// What is known of a page or an entry. The numbers are part of src/native/file.ts.
constexpr uint8_t kMissing = 0, kResident = 1;
// In memory, but what is there is the guard's and not the file's.
constexpr uint8_t kMarked = 2;

// Asks about pages of placed windows, and puts what is resident on their boards. Belongs to one environment: it keeps
// scratch memory, and counts the waits that it could not avoid.
class Residency {
 public:
  explicit Residency(FileState& file) : file_(file) {}

  // One page. When it is resident it is mapped, so that reading it takes no fault.
  uint8_t hit(Window& window, uint64_t page);

  // The same for entries [from, to) of a vector: where states[i] is kMissing, it turns to kResident or kMarked when all
  // of entry i is. Returns how many are resident now that were not. Entries whose window has not been placed, and those
  // that it did not get to within its budget of time, stay kMissing. With `more`, the budget is what the last call has
  // left.
  size_t vector(const WindowTable& windows, const double* first, const double* count, size_t from, size_t to,
                uint8_t* states, bool more, bool noting);

  // Between true and false, waits of the thread count as well.
  void touching(bool on);

 private:
  struct Question;

  // How much longer the loop's thread may ask about a vector.
  struct Budget {
    std::chrono::nanoseconds stop{};      // when this thread has worked so much
    std::chrono::nanoseconds touching{};  // time spent on mapping what is cached
    size_t missesInARow = 0;              // in the page cache
    size_t unmappedInARow = 0;            // in our page table
    size_t looks = 0;                     // into the page cache
    bool late() const;
    // Whether the page cache is not to be asked any more.
    bool enough() const;
  };

  void askPageTable(Question& question);
  bool askMapped();
  bool nothingMapped();
  void askPageCache(Question& question, size_t begin, size_t end, uint64_t first, uint64_t last, bool unmapped);
  bool isMapped(const Window& window, uint64_t first, uint64_t last);
  bool touch(char* address, size_t length);
  void blocked(uint64_t times);
  bool touch(Question& question, char* address, size_t length);

  // Single pages collected for one move_pages call, and which entry each belongs to.
  std::vector<void*> addresses_;
  std::vector<int> status_;
  std::vector<uint32_t> entries_;
  // The same pages in the order in which they are asked about, and where each went.
  std::vector<void*> ordered_;
  std::vector<int> orderedStatus_;
  std::vector<uint32_t> places_;
  std::vector<unsigned char> vector_;
  Budget budget_;
  FileState& file_;  // keeps the count of blocked touches: times when mapping a page made the thread wait after all
  uint64_t waitsBefore_ = 0;
};

}  // namespace nofault
