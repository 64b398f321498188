#include "program.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace nofault::roaring {

namespace {

using Form = Container::Form;

// Bytes of a range: small enough that work can begin while others are still on their way.
constexpr uint64_t kLongestRange = uint64_t{512} << 10;

// Places that are looked at ahead, of all that one visit is worth.
constexpr uint64_t kLooksPerVisit = 8;

// What combining costs, in ns, roughly: a leaf, a value of an array, a byte of runs, a row that comes out.
constexpr uint64_t kLeafWork = 400, kRowsPerWork = 2;

uint64_t workOf(const Place& place) {
  return kLeafWork + (place.form == Form::array ? place.cardinality / 2 : place.form == Form::runs ? place.length : 0);
}

}  // namespace

bool Program::compile(const uint32_t* code, size_t length, std::vector<Bitmap> bitmaps, std::vector<uint32_t> extras,
                      Goal goal, uint64_t rowCount) {
  bitmaps_ = std::move(bitmaps);
  rankBitmaps();
  extras_ = std::move(extras);
  goal_ = goal;
  rowCount_ = rowCount;
  if (rowCount > uint64_t{kChunks} * kChunk) return false;
  chunkCount_ = static_cast<uint32_t>((rowCount + kChunk - 1) / kChunk);
  const uint32_t* at = code;
  if (!parse(at, code + length, 0, root_) || at != code + length) return false;
  treeEnd_ = static_cast<uint32_t>(occurrences_.size());
  for (const uint32_t bitmap : extras_) {
    if (bitmap >= bitmaps_.size()) return false;
    occurrences_.push_back({bitmap});
  }
  const uint32_t last = static_cast<uint32_t>((rowCount - 1) % kChunk);
  const uint8_t rows[6] = {1, 0, 0, 0, static_cast<uint8_t>(last), static_cast<uint8_t>(last >> 8)};
  std::copy(rows, rows + 6, lastRows_);
  return true;
}

size_t Program::sources() const {
  size_t sources = 0;
  for (const Bitmap& bitmap : bitmaps_) sources = std::max<size_t>(sources, size_t{bitmap.source} + 1);
  return sources;
}

void Program::rankBitmaps() {
  std::vector<uint32_t> order(bitmaps_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    return std::pair(bitmaps_[a].source, bitmaps_[a].offset) < std::pair(bitmaps_[b].source, bitmaps_[b].offset);
  });
  for (uint32_t i = 0; i < order.size(); ++i) bitmaps_[order[i]].rank = i;
}

bool Program::parse(const uint32_t*& code, const uint32_t* end, uint32_t depth, uint32_t& node) {
  if (depth > Combiner::kDeepest || code == end) return false;
  node = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  const uint32_t first = static_cast<uint32_t>(occurrences_.size());
  const uint32_t kind = *code++;
  std::vector<uint32_t> children;
  if (kind > kMinus) return false;
  if (kind == kBitmap) {
    if (code == end || *code >= bitmaps_.size()) return false;
    occurrences_.push_back({*code++});
  } else if (kind != kAll) {
    uint32_t count = 2;
    if (kind != kMinus) {
      if (code == end || *code < 2) return false;
      count = *code++;
    }
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t child = 0;
      if (!parse(code, end, depth + 1, child)) return false;
      // A child without bitmaps is everywhere the same, and has been taken out; but for what something is taken from.
      if (nodes_[child].first == nodes_[child].end && (kind != kMinus || i == 1)) return false;
      children.push_back(child);
    }
  }
  const auto always = [&](uint32_t child) { return nodes_[child].always; };
  const auto sometimes = static_cast<uint32_t>(children.size()) -
                         static_cast<uint32_t>(std::count_if(children.begin(), children.end(), always));
  Node& made = nodes_[node];
  made.code = static_cast<Code>(kind);
  made.first = first;
  made.end = static_cast<uint32_t>(occurrences_.size());
  made.sometimes = sometimes;
  made.always = kind == kAll || (kind == kAnd && sometimes == 0) || (kind == kOr && sometimes < children.size()) ||
                (kind == kMinus && always(children[0]) && !always(children[1]));
  made.children = std::move(children);
  made.chunks = made.always ? chunkCount_ : chunksOf(made);
  if (kind == kAnd) {
    std::copy_if(made.children.begin(), made.children.end(), std::back_inserter(made.narrowest),
                 [&](uint32_t child) { return !always(child); });
    std::stable_sort(made.narrowest.begin(), made.narrowest.end(),
                     [&](uint32_t a, uint32_t b) { return nodes_[a].chunks < nodes_[b].chunks; });
  }
  return true;
}

uint64_t Program::chunksOf(const Node& node) const {
  switch (node.code) {
    case kAll:
      break;
    case kBitmap:
      return bitmaps_[occurrences_[node.first].bitmap].header->places.size();
    case kAnd: {
      uint64_t fewest = chunkCount_;
      for (const uint32_t child : node.children) fewest = std::min(fewest, nodes_[child].chunks);
      return fewest;
    }
    case kOr: {
      uint64_t sum = 0;
      for (const uint32_t child : node.children) sum += nodes_[child].chunks;
      return std::min<uint64_t>(sum, chunkCount_);
    }
    case kMinus:
      return nodes_[node.children[0]].chunks;
  }
  return chunkCount_;
}

bool Program::next(const Bounds& bounds, Step& step) {
  if (ended()) return false;
  step.knownOf.assign(goal_ == Goal::counts ? extras_.size() : 0, 0);
  // As much as the step before had, for steps are much alike.
  step.parts.reserve(sizes_.parts);
  step.needs.reserve(sizes_.needs);
  step.chunks.reserve(sizes_.chunks);
  uint64_t visits = 0, rows = 0, bytes = 0;
  while (!ended() && visits < bounds.visits && bytes < bounds.bytes && step.needs.size() < bounds.needs &&
         rows < bounds.rows) {
    if (aheadNext_ == aheadChunks_.size()) {
      visits += 1 + lookAhead() / kLooksPerVisit;
      continue;
    }
    const uint32_t* start = &aheadStarts_[aheadNext_];
    const size_t needs = step.needs.size(), chunks = step.chunks.size();
    plan(static_cast<uint16_t>(aheadChunks_[aheadNext_++]), ahead_.data() + start[0], ahead_.data() + start[1], step);
    visits += 1 + start[1] - start[0];
    for (size_t i = needs; i < step.needs.size(); ++i) bytes += step.needs[i].length;
    // They are kept until they are taken; of other goals there are only numbers.
    if (step.chunks.size() > chunks && (goal_ == Goal::rows || goal_ == Goal::bitmap)) rows += outcomeRows_;
  }
  findNeeds(step, bounds.page);
  sizes_ = {step.parts.size(), step.needs.size(), step.chunks.size()};
  return true;
}

void Program::plan(uint16_t key, const Present* begin, const Present* end, Step& step) {
  key_ = key;
  chunkRows_ = static_cast<uint32_t>(std::min<uint64_t>(rowCount_ - uint64_t{key} * kChunk, kChunk));
  const size_t parts = step.parts.size(), needs = step.needs.size();
  const uint64_t work = step.work;
  const Present* tree = std::find_if(begin, end, [&](const Present& one) { return one.occurrence >= treeEnd_; });
  const Present* at = begin;
  const Outcome outcome = weigh(root_, at, tree, step);
  if (outcome.truth == Outcome::Truth::none) return;
  outcomeRows_ = outcome.rows;
  const auto forget = [&] {
    step.parts.resize(parts);
    step.needs.resize(needs);
    step.work = work;
  };
  if (goal_ == Goal::count && outcome.exact) {
    step.known += outcome.rows;
    return forget();
  }
  Chunk chunk{key, outcome.truth == Outcome::Truth::all ? Part::kNone : outcome.part};
  chunk.firstExtra = static_cast<uint32_t>(step.extras.size());
  if (goal_ == Goal::counts || goal_ == Goal::extreme) addExtras(outcome, tree, end, step);
  chunk.endExtra = static_cast<uint32_t>(step.extras.size());
  // Where the headers tell it all, nothing is to be done.
  if (goal_ == Goal::counts && chunk.firstExtra == chunk.endExtra) return forget();
  if (goal_ == Goal::rows || goal_ == Goal::bitmap) step.work += outcome.rows / kRowsPerWork;
  const auto index = static_cast<uint32_t>(step.chunks.size());
  for (size_t i = needs; i < step.needs.size(); ++i) step.needs[i].chunk = index;
  chunk.missing = static_cast<uint32_t>(step.needs.size() - needs);
  step.chunks.push_back(chunk);
}

void Program::addExtras(const Outcome& outcome, const Present* begin, const Present* end, Step& step) {
  for (const Present* extra = begin; extra < end; ++extra) {
    const uint32_t number = extra->occurrence - treeEnd_;
    const Place& place = placeOf(*extra);
    if (goal_ == Goal::counts) {
      const bool all = outcome.truth == Outcome::Truth::all;
      if (all || (place.full() && outcome.exact)) {
        step.knownOf[number] += all ? place.cardinality : outcome.rows;
        continue;
      }
    }
    step.extras.push_back({number, addLeaf(*extra, step)});
  }
}

const Place& Program::placeOf(const Present& present) const {
  return bitmaps_[occurrences_[present.occurrence].bitmap].header->places[present.place];
}

// Looks at the node's own occurrences, from `at` on, and goes past them.
Program::Outcome Program::weigh(uint32_t node, const Present*& at, const Present* end, Step& step) {
  const Node& what = nodes_[node];
  if (at == end || at->occurrence >= what.end) return what.always ? weighAll(step) : Outcome{};
  switch (what.code) {
    case kAll:
      return weighAll(step);
    case kBitmap:
      return weighLeaf(*at++, step);
    case kMinus:
      return weighMinus(what, at, end, step);
    case kAnd:
    case kOr:
      break;
  }
  return weighMany(what, at, end, step);
}

Program::Outcome Program::weighAll(Step& step) {
  if (chunkRows_ == kChunk) return {Outcome::Truth::all, true, kChunk, Part::kNone};
  Part part;
  part.form = Form::runs;
  part.cardinality = chunkRows_;
  part.length = sizeof lastRows_;
  part.bytes = lastRows_;
  step.parts.push_back(part);
  return {Outcome::Truth::some, true, chunkRows_, static_cast<uint32_t>(step.parts.size() - 1)};
}

Program::Outcome Program::weighLeaf(const Present& present, Step& step) {
  const Place& place = placeOf(present);
  if (place.full()) return {Outcome::Truth::all, true, kChunk, Part::kNone};
  return {Outcome::Truth::some, true, place.cardinality, addLeaf(present, step)};
}

uint32_t Program::addLeaf(const Present& present, Step& step) {
  const Place& place = placeOf(present);
  const Bitmap& bitmap = bitmaps_[occurrences_[present.occurrence].bitmap];
  const auto index = static_cast<uint32_t>(step.parts.size());
  Part part;
  part.form = place.full() ? Form::full : place.form;
  part.cardinality = place.cardinality;
  part.length = place.length;
  step.parts.push_back(part);
  if (!place.full()) {
    step.needs.push_back({bitmap.offset + place.offset, bitmap.source, place.length, index, 0, bitmap.rank});
    step.work += workOf(place);
  }
  return index;
}

Program::Outcome Program::weighMany(const Node& node, const Present*& at, const Present* end, Step& step) {
  const bool all = node.code == kAnd;
  const size_t parts = step.parts.size(), needs = step.needs.size();
  const uint64_t work = step.work;
  uint32_t children = 0, sometimes = 0, always = 0;  // of which something is present
  uint32_t first = Part::kNone, last = Part::kNone, somes = 0;
  uint64_t rows = all ? chunkRows_ : 0;
  bool exact = true, decided = false;
  auto child = node.children.begin();
  while (at < end && at->occurrence < node.end) {
    // Mostly the next one, but of many only few may be present.
    if (at->occurrence >= nodes_[*child].end)
      child = std::upper_bound(child + 1, node.children.end(), at->occurrence,
                               [&](uint32_t occurrence, uint32_t other) { return occurrence < nodes_[other].end; });
    const Node& one = nodes_[*child];
    if (decided) {
      while (at < end && at->occurrence < one.end) ++at;
      continue;
    }
    ++children;
    ++(one.always ? always : sometimes);
    const Outcome outcome = weigh(*child, at, end, step);
    if (outcome.truth == Outcome::Truth::some) {
      (last == Part::kNone ? first : step.parts[last].next) = outcome.part;
      last = outcome.part;
      ++somes;
      exact = outcome.exact;
      rows = all ? std::min<uint64_t>(rows, outcome.rows) : rows + outcome.rows;
    } else {
      // A chunk without rows ends a conjunction, a whole one a disjunction.
      decided = (outcome.truth == Outcome::Truth::none) == all;
    }
  }
  const auto forget = [&] {
    step.parts.resize(parts);
    step.needs.resize(needs);
    step.work = work;
  };
  // Those of which nothing is present count as well.
  if (all && (decided || sometimes < node.sometimes)) return forget(), Outcome{};
  if (!all && (decided || always < node.children.size() - node.sometimes)) return forget(), weighAll(step);
  if (somes == 0) return all ? weighAll(step) : Outcome{};
  if (somes == 1) return {Outcome::Truth::some, exact, static_cast<uint32_t>(rows), first};
  Part part;
  part.kind = all ? Part::Kind::conjunction : Part::Kind::disjunction;
  part.child = first;
  step.parts.push_back(part);
  return {Outcome::Truth::some, false, static_cast<uint32_t>(std::min<uint64_t>(rows, chunkRows_)),
          static_cast<uint32_t>(step.parts.size() - 1)};
}

Program::Outcome Program::weighMinus(const Node& node, const Present*& at, const Present* end, Step& step) {
  const size_t parts = step.parts.size(), needs = step.needs.size();
  const uint64_t work = step.work;
  Outcome from = weigh(node.children[0], at, end, step);
  if (from.truth == Outcome::Truth::none) {
    while (at < end && at->occurrence < node.end) ++at;
    return from;
  }
  const Outcome what = weigh(node.children[1], at, end, step);
  if (what.truth == Outcome::Truth::none) return from;
  if (what.truth == Outcome::Truth::all) {
    step.parts.resize(parts);
    step.needs.resize(needs);
    step.work = work;
    return {};
  }
  const bool whole = from.truth == Outcome::Truth::all;
  if (whole) {
    Part full;
    full.form = Form::full;
    step.parts.push_back(full);
    from.part = static_cast<uint32_t>(step.parts.size() - 1);
  }
  Part part;
  part.kind = Part::Kind::minus;
  part.child = from.part;
  step.parts[from.part].next = what.part;
  step.parts.push_back(part);
  const bool exact = whole && what.exact;
  return {Outcome::Truth::some, exact, exact ? kChunk - what.rows : from.rows,
          static_cast<uint32_t>(step.parts.size() - 1)};
}

// By place in the files. Chunk by chunk each bitmap's containers ascend already, so that they need only be dealt out by
// bitmap; unless an index says that bitmaps lie within one another.
void Program::sort(std::vector<Need>& needs) {
  const auto before = [](const Need& a, const Need& b) {
    return std::pair(a.source, a.offset) < std::pair(b.source, b.offset);
  };
  dealt_.resize(needs.size());
  places_.assign(bitmaps_.size() + 1, 0);
  for (const Need& need : needs) ++places_[need.rank + 1];
  for (size_t i = 1; i < places_.size(); ++i) places_[i] += places_[i - 1];
  for (const Need& need : needs) dealt_[places_[need.rank]++] = need;
  needs.swap(dealt_);
  if (!std::is_sorted(needs.begin(), needs.end(), before)) std::sort(needs.begin(), needs.end(), before);
}

void Program::findNeeds(Step& step, uint64_t page) {
  sort(step.needs);
  for (uint32_t i = 0; i < step.needs.size(); ++i) {
    const Need& need = step.needs[i];
    const uint64_t end = need.offset + need.length;
    Range* before = step.ranges.empty() ? nullptr : &step.ranges.back();
    const uint64_t last = before == nullptr ? 0 : before->offset + before->length;
    if (before != nullptr && before->source == need.source && need.offset / page <= (last - 1) / page + 1 &&
        (end <= last || end - before->offset <= kLongestRange)) {
      before->length = std::max(last, end) - before->offset;
      before->endNeed = i + 1;
    } else {
      step.ranges.push_back({need.source, need.offset, need.length, i, i + 1});
    }
  }
  for (const Range& range : step.ranges) step.bytes += range.length;
}

}  // namespace nofault::roaring
