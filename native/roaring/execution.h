// A step of a program that is carried out: its ranges arrive on the loop, and chunks of which everything is here are
// combined there or on a thread.
#pragma once

#include <optional>

#include "../gate.h"
#include "program.h"
#include "write.h"

namespace nofault::roaring {

// A container that a bitmap is put together from.
struct Piece {
  Written written;
  Bytes bytes;
};

// A container that says more of itself than it has room for.
struct Damage {
  uint32_t source;
  uint64_t offset;  // bytes from the start of the file
};

class Execution {
 public:
  Execution(std::shared_ptr<const Program> program, Step step);

  // --- on the loop ---

  // The range's bytes are here, once or again, and stay readable until everything has been combined.
  void arrive(uint32_t range, const uint8_t* bytes);
  // Chunks that can be combined and are not yet; those that are taken must be given to `combine`, once.
  std::vector<uint32_t> takeReady() { return std::exchange(ready_, {}); }
  // Begins anew: nothing has arrived.
  void restart();
  // Whether every chunk has been combined.
  bool complete() const { return combined_ == step_.chunks.size(); }
  // Whether the guard has covered a page since this began. Then nothing counts, unless no range has a mark.
  bool disturbed() const;
  bool busy = false;  // a thread combines

  // --- on any one thread at a time ---

  // Combines some chunks, each under the gate if there is one; not those that are left when the gate is shut or
  // `cancelled` is set.
  void combine(const std::vector<uint32_t>& chunks, Gate* gate);

  std::atomic<bool> cancelled{false};

  const Step& step() const { return step_; }
  const std::optional<Damage>& damage() const { return damage_; }
  uint64_t count() const { return count_; }
  const std::vector<uint64_t>& counts() const { return counts_; }
  const std::optional<int64_t>& extreme() const { return extreme_; }
  // By the chunks of the step.
  std::vector<std::vector<uint32_t>>& rows() { return rows_; }
  std::vector<Piece>& pieces() { return pieces_; }

  bool least = false;  // of the goal `extreme`: the least number, not the greatest

 private:
  void combine(uint32_t chunk, Combiner& combiner, std::vector<uint32_t>& scratch);
  void write(uint32_t index, const Container& rows);
  void find(const Chunk& chunk, Combiner& combiner);
  const Need* needOf(const Part& part) const;

  const std::shared_ptr<const Program> program_;
  Step step_;
  uint64_t marks_ = 0;
  std::vector<bool> arrived_;      // by range
  std::vector<uint32_t> missing_;  // by chunk
  std::vector<uint32_t> ready_;

  std::atomic<size_t> combined_{0};
  std::optional<Damage> damage_;
  uint64_t count_ = 0;
  std::vector<uint64_t> counts_;
  std::vector<std::vector<uint32_t>> rows_;
  std::vector<Piece> pieces_;
  std::optional<int64_t> extreme_;
};

}  // namespace nofault::roaring
