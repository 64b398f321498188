// A tree of what is left of an expression for one chunk.
#pragma once

#include "container.h"

namespace nofault::roaring {

// A tree over the containers of one chunk: what is left of an expression when the bitmaps that have no row of the
// chunk, or every one, have been taken out. Parts refer to one another by index.
struct Part {
  enum class Kind : uint8_t { leaf, conjunction, disjunction, minus };
  static constexpr uint32_t kNone = ~uint32_t{0};

  Kind kind = Kind::leaf;
  Container::Form form = Container::Form::none;  // of a leaf
  uint32_t cardinality = 0;                      // of a leaf, as its header says
  uint32_t length = 0;                           // bytes of a leaf
  uint32_t next = kNone;                         // the next child of the same parent
  uint32_t child = kNone;                        // the first; of minus there are two: from, and what
  const uint8_t* bytes = nullptr;                // of a leaf, as soon as they are here
};

}  // namespace nofault::roaring
