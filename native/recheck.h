// The watch's question: which pages of a board have left memory.
#pragma once

#include <cstdint>
#include <vector>

#include "window.h"

namespace nofault {

// Asks the kernel about everything on a window's board, takes off what has left, and confirms the rest. Keeps scratch
// memory: one for each thread.
class Recheck {
 public:
  void window(Window& window);

 private:
  struct Stretch {
    uint64_t first, end;  // bits of the board
  };

  void collect(const Board& board);
  bool askAboutAll(Window& window);
  bool askPageCache(Window& window, const Stretch& stretch);
  void askPageTable(Window& window);
  void drop(Window& window, uint64_t first, uint64_t count);

  std::vector<Stretch> dense_, sparse_;
  std::vector<unsigned char> vector_;
  std::vector<void*> addresses_;
  std::vector<int> status_;
};

}  // namespace nofault
