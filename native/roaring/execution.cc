#include "execution.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

#include "../guard.h"
#include "../stepping_back.h"

namespace nofault::roaring {

namespace {

// Chunks that a thread combines before it steps back: about a tenth of a millisecond.
constexpr size_t kInARow = 32;

// Two leaves, and what joins them.
constexpr uint32_t kPartsOfTwo = 3;

// Keeps windows where they are as long as it lives.
class Inside {
 public:
  explicit Inside(const std::vector<std::shared_ptr<Window>>& windows) : windows_(windows) {
    while (entered_ < windows_.size() && windows_[entered_]->enter()) ++entered_;
  }
  ~Inside() {
    while (entered_ > 0) windows_[--entered_]->leave();
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  bool all() const { return entered_ == windows_.size(); }

 private:
  const std::vector<std::shared_ptr<Window>>& windows_;
  size_t entered_ = 0;
};

bool ascends(const Value* values, uint32_t count) {
  bool ascending = true;
  for (uint32_t i = 1; i < count; ++i) ascending &= values[i - 1] < values[i];
  return ascending;
}

}  // namespace

Execution::Execution(std::shared_ptr<const Program> program, Step step)
    : program_(std::move(program)), step_(std::move(step)) {
  restart();
}

void Execution::restart() {
  marks_ = guard::marksMade();
  missing_.clear();
  ready_.clear();
  arrived_.assign(step_.ranges.size(), false);
  for (uint32_t i = 0; i < step_.chunks.size(); ++i) {
    missing_.push_back(step_.chunks[i].missing);
    if (missing_.back() == 0) ready_.push_back(i);
  }
  combined_ = 0;
  damage_.reset();
  count_ = step_.known;
  counts_ = step_.knownOf;
  extreme_.reset();
  rows_.assign(program_->goal() == Goal::rows ? step_.chunks.size() : 0, {});
  pieces_.assign(program_->goal() == Goal::bitmap ? step_.chunks.size() : 0, {});
}

bool Execution::disturbed() const { return guard::marksMade() != marks_; }

void Execution::arrive(uint32_t number, const uint8_t* bytes) {
  if (arrived_[number]) return;
  arrived_[number] = true;
  const Range& range = step_.ranges[number];
  for (uint32_t i = range.firstNeed; i < range.endNeed; ++i) {
    const Need& need = step_.needs[i];
    step_.parts[need.part].bytes = bytes + (need.offset - range.offset);
    if (--missing_[need.chunk] == 0) ready_.push_back(need.chunk);
  }
}

void Execution::add(const Execution& other) {
  count_ += other.count_;
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  if (other.extreme_) consider(*other.extreme_);
}

void Execution::combine(std::span<const uint32_t> chunks, const std::vector<std::shared_ptr<Window>>* windows) {
  const auto combiner = std::make_unique<Combiner>();
  std::vector<uint32_t> scratch(program_->goal() == Goal::rows ? kChunk : 0);
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    if (windows == nullptr) {
      combine(chunks[i], *combiner, scratch);
      continue;
    }
    if (i % kInARow == 0) stepBack();
    const Inside inside(*windows);
    if (!inside.all()) return;
    if (i + 1 < chunks.size()) foresee(chunks[i + 1], *combiner);
    combine(chunks[i], *combiner, scratch);
  }
}

// Of two, where one is often looked up only here and there, it is not worth its while.
void Execution::foresee(uint32_t chunk, Combiner& combiner) const {
  const Part* parts = step_.parts.data();
  combiner.foresee(parts, parts);
  if (chunk == 0) return;
  // The parts of a chunk come after those of the one before, its root last.
  const uint32_t before = step_.chunks[chunk - 1].root, root = step_.chunks[chunk].root;
  if (before == Part::kNone || root == Part::kNone || root - before <= kPartsOfTwo) return;
  combiner.foresee(parts + before + 1, parts + root + 1);
}

void Execution::combine(uint32_t index, Combiner& combiner, std::vector<uint32_t>& scratch) {
  const Chunk& chunk = step_.chunks[index];
  const Part* parts = step_.parts.data();
  const auto value = [&] {
    return chunk.root == Part::kNone ? Container::full() : combiner.combine(parts, chunk.root);
  };
  switch (program_->goal()) {
    case Goal::count:
      count_ += combiner.count(parts, chunk.root);
      break;
    case Goal::rows: {
      uint32_t count = rowsOf(value(), uint32_t{chunk.key} * kChunk, scratch.data());
      // A damaged container may have rows that the file has not.
      while (count > 0 && scratch[count - 1] >= program_->rowCount()) --count;
      rows_[index].assign(scratch.begin(), scratch.begin() + count);
      break;
    }
    case Goal::bitmap:
      write(index, value());
      break;
    case Goal::counts: {
      const Container rows = value();
      for (uint32_t i = chunk.firstExtra; i < chunk.endExtra; ++i) {
        const Extra& extra = step_.extras[i];
        counts_[extra.number] += countCommon(rows, combiner.of(parts[extra.part]));
      }
      break;
    }
    case Goal::extreme:
      find(chunk, combiner);
      break;
  }
  if (const Part* part = combiner.misfit(); part != nullptr && !damage_) {
    if (const Need* need = needOf(*part)) damage_ = {need->source, need->offset};
  }
  ++combined_;
}

void Execution::write(uint32_t index, const Container& rows) {
  const uint16_t key = step_.chunks[index].key;
  Piece& piece = pieces_[index];
  if (rows.is(Container::Form::full)) {
    piece.written = writeFull(key, piece.bytes);
    return;
  }
  uint16_t values[kMostValues];
  if (rows.is(Container::Form::array)) {
    // In place they may be anything, and other things the next time.
    memcpy(values, rows.bytes, size_t{rows.count} * 2);
    if (ascends(values, rows.count)) {
      piece.written = writeValues(key, values, rows.count, piece.bytes);
      return;
    }
  }
  alignas(64) uint64_t bits[kWords];
  assign(rows.is(Container::Form::array) ? Container::array(values, rows.count) : rows, bits);
  piece.written = writeBits(key, bits, piece.bytes);
}

// The sign decides first, then the digits from the greatest on: whichever rows have the better one go on.
void Execution::find(const Chunk& chunk, Combiner& combiner) {
  const Part* parts = step_.parts.data();
  Container rows = chunk.root == Part::kNone ? Container::full() : combiner.combine(parts, chunk.root);
  if (countOf(rows) == 0) return;
  const auto digits = static_cast<uint32_t>(program_->extras());
  uint64_t number = 0;
  uint32_t next = chunk.endExtra;
  for (uint32_t digit = digits; digit-- > 0;) {
    const bool sign = digit + 1 == digits;
    // Whether a 1 is better.
    const bool wanted = sign ? least : !least;
    bool one = false;
    if (next > chunk.firstExtra && step_.extras[next - 1].number == digit) {
      const Part& slice = parts[step_.extras[--next].part];
      const Container better = combiner.narrow(rows, slice, wanted);
      const bool some = countOf(better) > 0;
      if (some) rows = better;
      one = some == wanted;
    }
    if (one) number |= sign ? ~uint64_t{0} << digit : uint64_t{1} << digit;
  }
  consider(static_cast<int64_t>(number));
}

void Execution::consider(int64_t number) {
  if (!extreme_ || (least ? number < *extreme_ : number > *extreme_)) extreme_ = number;
}

const Need* Execution::needOf(const Part& part) const {
  const auto index = static_cast<uint32_t>(&part - step_.parts.data());
  const auto need =
      std::find_if(step_.needs.begin(), step_.needs.end(), [&](const Need& one) { return one.part == index; });
  return need == step_.needs.end() ? nullptr : &*need;
}

}  // namespace nofault::roaring
