// Combines the containers of one chunk as a tree says: without intermediate bitmaps, in one scratch bitset or array for
// each level of the tree that needs one, and the cheapest first.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "foresight.h"
#include "pairs.h"
#include "part.h"

namespace nofault::roaring {

class Combiner {
 public:
  // Trees that are nested deeper than this are none of its business.
  static constexpr uint32_t kDeepest = 256;

  // The rows of a tree: in place, or in scratch that stays as it is until the next call.
  Container combine(const Part* parts, uint32_t root);
  // How many there are. What is needed for that alone.
  uint32_t count(const Part* parts, uint32_t root);
  // The rows of `acc` that a leaf has, or has not. `acc` may be what `combine` or the call before has returned.
  Container narrow(const Container& acc, const Part& leaf, bool in);
  Container of(const Part& leaf);
  // Parts, up to `end`, of the chunk that is combined next: meanwhile they come from memory.
  void foresee(const Part* part, const Part* end) { foresight_.next(part, end); }

  // The first leaf that does not fit into its own length since this was last asked; or null.
  const Part* misfit() { return std::exchange(misfit_, nullptr); }

 private:
  struct Slot {
    alignas(64) uint64_t bits[kWords];
    uint16_t values[kMostValues];
    Container filled() const { return Container::bitset(bits); }
  };

  // A conjunction, and what is taken out of it, with a disjunction of two leaves in it. Without: null.
  struct Split {
    const Part* from = nullptr;
    const Part* pair = nullptr;
    const Part* what = nullptr;
  };

  Split splitOf(const Part& root) const;
  uint32_t countSplit(const Split& split);
  Slot& slot(uint32_t level);
  Container value(uint32_t index, uint32_t level);
  Container conjunction(const Part& part, uint32_t level, uint32_t* last);
  Container difference(const Part& part, uint32_t level);
  Container disjunction(const Part& part, uint32_t level);
  void orInto(uint32_t index, uint32_t level);
  Container keep(const Container& acc, uint32_t index, uint32_t level);
  Container drop(const Container& acc, uint32_t index, uint32_t level);

  const Part* parts_ = nullptr;
  const Part* misfit_ = nullptr;
  Foresight foresight_;
  std::vector<std::unique_ptr<Slot>> slots_;
  Slot narrow_[2];
};

}  // namespace nofault::roaring
