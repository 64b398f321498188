// A step of a program that is carried out: its ranges arrive, and chunks of which everything is here are combined. One
// thread at a time has it.
#pragma once

#include <optional>
#include <span>

#include "../window.h"
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

  // Combines some chunks. On a thread other than the loop's while in the windows that the bytes lie in: not those that
  // are left when one of these has been given up or `cancelled` is set.
  void combine(std::span<const uint32_t> chunks, const std::vector<std::shared_ptr<Window>>* windows);
  // Adds the numbers that came out of another step.
  void add(const Execution& other);

  // From any thread.
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
  void foresee(uint32_t chunk, Combiner& combiner) const;
  void combine(uint32_t chunk, Combiner& combiner, std::vector<uint32_t>& scratch);
  void write(uint32_t index, const Container& rows);
  void find(const Chunk& chunk, Combiner& combiner);
  void consider(int64_t number);
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
