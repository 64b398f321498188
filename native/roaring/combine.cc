#include "combine.h"

#include <algorithm>
#include <utility>

#include "kernels.h"

namespace nofault::roaring {

namespace {

using Form = Container::Form;

// How much work a leaf is, in a conjunction: what makes the others' smaller comes first.
uint32_t weight(const Part& part) {
  switch (part.kind) {
    case Part::Kind::leaf:
      return part.form == Form::array    ? part.cardinality
             : part.form == Form::bitset ? kMostValues + 1
                                         : kMostValues + 2;
    case Part::Kind::conjunction:
      return kMostValues + 3;
    case Part::Kind::minus:
      return kMostValues + 4;
    case Part::Kind::disjunction:
      break;
  }
  return kMostValues + 5;
}

}  // namespace

Combiner::Slot& Combiner::slot(uint32_t level) {
  while (slots_.size() <= level) slots_.push_back(std::make_unique<Slot>());
  return *slots_[level];
}

Container Combiner::of(const Part& part) {
  foresight_.look(part.length);
  switch (part.form) {
    case Form::array:
      return Container::array(part.bytes, part.cardinality);
    case Form::bitset:
      return Container::bitset(part.bytes);
    case Form::runs: {
      // Once: it may be another number the next time.
      const uint32_t count = *reinterpret_cast<const volatile Value*>(part.bytes);
      if (2 + 4 * count <= part.length) return Container::runs(part.bytes + 2, count);
      if (misfit_ == nullptr) misfit_ = &part;
      return {};
    }
    case Form::full:
      return Container::full();
    case Form::none:
      break;
  }
  return {};
}

Container Combiner::combine(const Part* parts, uint32_t root) {
  parts_ = parts;
  return value(root, 0);
}

uint32_t Combiner::count(const Part* parts, uint32_t root) {
  parts_ = parts;
  const Part& part = parts[root];
  if (const auto split = splitOf(part); split.pair != nullptr) return countSplit(split);
  switch (part.kind) {
    case Part::Kind::leaf:
      break;
    case Part::Kind::conjunction: {
      uint32_t last = Part::kNone;
      const Container acc = conjunction(part, 0, &last);
      return last == Part::kNone || acc.is(Form::none) ? countOf(acc) : countCommon(acc, value(last, 1));
    }
    case Part::Kind::disjunction: {
      const Part &one = parts[part.child], &other = parts[one.next];
      if (other.next != Part::kNone || one.kind != Part::Kind::leaf || other.kind != Part::Kind::leaf) break;
      const Container a = of(one), b = of(other);
      return clamped(int64_t{countOf(a)} + countOf(b) - countCommon(a, b));
    }
    case Part::Kind::minus: {
      const Part& what = parts[parts[part.child].next];
      if (what.kind != Part::Kind::leaf) break;
      const Container acc = value(part.child, 0), other = of(what);
      if (acc.is(Form::bitset) && other.is(Form::bitset)) return kernels().countMinus(acc.words(), other.words());
      return clamped(int64_t{countOf(acc)} - countCommon(acc, other));
    }
  }
  return countOf(value(root, 0));
}

// Of leaves only, and one of a pair an array: setting its values in a bitset, one by one, is the dearest that there is.
Combiner::Split Combiner::splitOf(const Part& root) const {
  const bool minus = root.kind == Part::Kind::minus;
  const Part& from = minus ? parts_[root.child] : root;
  if (from.kind != Part::Kind::conjunction) return {};
  const Part* what = minus ? &parts_[from.next] : nullptr;
  if (what != nullptr && what->kind != Part::Kind::leaf) return {};
  const Part* pair = nullptr;
  for (uint32_t child = from.child; child != Part::kNone; child = parts_[child].next) {
    const Part& one = parts_[child];
    if (one.kind == Part::Kind::leaf) continue;
    if (one.kind != Part::Kind::disjunction || pair != nullptr) return {};
    pair = &one;
  }
  if (pair == nullptr) return {};
  const Part& one = parts_[pair->child];
  const Part& other = parts_[one.next];
  const bool two = other.next == Part::kNone && one.kind == Part::Kind::leaf && other.kind == Part::Kind::leaf;
  if (!two || (one.form != Form::array && other.form != Form::array)) return {};
  return {&from, pair, what};
}

// What one of the pair has is counted and taken out, and then counted what the other one has of the rest: their union
// is never made.
uint32_t Combiner::countSplit(const Split& split) {
  Slot& own = slot(0);
  Container rest = Container::full();
  uint32_t best = Part::kNone;
  for (const bool begins : {true, false}) {
    for (uint32_t child = split.from->child; child != Part::kNone; child = parts_[child].next) {
      if (&parts_[child] == split.pair) continue;
      if (begins) {
        if (best == Part::kNone || weight(parts_[child]) < weight(parts_[best])) best = child;
        continue;
      }
      if (child == best || rest.is(Form::none)) continue;
      const Container other = of(parts_[child]);
      rest = other.is(Form::none) ? other : keepIn(rest, other, own.bits, own.values);
    }
    if (begins) rest = of(parts_[best]);
  }
  const auto without = [&](const Part& part) {
    const Container other = of(part);
    if (!other.is(Form::none)) rest = keepOut(rest, other, own.bits, own.values);
  };
  if (split.what != nullptr && !rest.is(Form::none)) without(*split.what);
  if (rest.is(Form::none)) return 0;
  const Part* first = &parts_[split.pair->child];
  const Part* second = &parts_[first->next];
  // The last one is only looked up: an array, the longer one of two.
  if (first->form == Form::array && (second->form != Form::array || second->cardinality < first->cardinality))
    std::swap(first, second);
  if (const Container one = of(*first); rest.is(Form::bitset) && one.is(Form::bitset)) {
    // At once: for counting, the rest need not be told from a copy of it.
    const uint32_t common = kernels().split(own.bits, rest.words(), one.words());
    return std::min(common + countCommon(own.filled(), of(*second)), kChunk);
  }
  const uint32_t count = countCommon(rest, of(*first));
  without(*first);
  // Damaged values, or such as change meanwhile, may be more than there is room for.
  return std::min(count + countCommon(rest, of(*second)), kChunk);
}

Container Combiner::narrow(const Container& acc, const Part& leaf, bool in) {
  const Container other = of(leaf);
  if (acc.is(Form::none)) return {};
  if (other.is(Form::none)) return in ? Container{} : acc;
  // Not where `acc` is: the caller may go on with that.
  const bool first = acc.bytes == reinterpret_cast<const uint8_t*>(narrow_[0].bits) ||
                     acc.bytes == reinterpret_cast<const uint8_t*>(narrow_[0].values);
  Slot& to = narrow_[first ? 1 : 0];
  return in ? keepIn(acc, other, to.bits, to.values) : keepOut(acc, other, to.bits, to.values);
}

// The part's rows: in place, or in the slot of this level. Slots of the levels below are not touched.
Container Combiner::value(uint32_t index, uint32_t level) {
  const Part& part = parts_[index];
  switch (part.kind) {
    case Part::Kind::leaf:
      break;
    case Part::Kind::conjunction:
      return conjunction(part, level, nullptr);
    case Part::Kind::disjunction:
      return disjunction(part, level);
    case Part::Kind::minus:
      return difference(part, level);
  }
  return of(part);
}

// Begins with the child that makes the least work for the others. With `last`, one of them is left for the caller.
Container Combiner::conjunction(const Part& part, uint32_t level, uint32_t* last) {
  uint32_t best = part.child, final = Part::kNone;
  for (uint32_t child = parts_[best].next; child != Part::kNone; child = parts_[child].next)
    if (weight(parts_[child]) < weight(parts_[best])) best = child;
  // A tree is made to a bitset in the slot, which a leaf can then be taken out of in place. So of trees the first comes
  // before all leaves but arrays.
  if (weight(parts_[best]) > kMostValues) {
    for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) {
      if (parts_[child].kind == Part::Kind::leaf) continue;
      best = child;
      break;
    }
  }
  Container acc = value(best, level);
  // Leaves before trees: an array that has become empty, or short, saves the rest.
  for (const bool trees : {false, true}) {
    for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) {
      if (child == best || (parts_[child].kind != Part::Kind::leaf) != trees) continue;
      if (acc.is(Form::none)) return acc;
      if (final != Part::kNone) acc = keep(acc, final, level);
      final = child;
    }
  }
  if (last != nullptr) {
    *last = final;
  } else if (final != Part::kNone && !acc.is(Form::none)) {
    acc = keep(acc, final, level);
  }
  return acc;
}

Container Combiner::keep(const Container& acc, uint32_t index, uint32_t level) {
  const Part& part = parts_[index];
  if (acc.is(Form::none)) return acc;
  if (part.kind == Part::Kind::minus) {
    const uint32_t what = parts_[part.child].next;
    return drop(keep(acc, part.child, level), what, level);
  }
  if (part.kind == Part::Kind::conjunction) {
    Container rest = acc;
    for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) rest = keep(rest, child, level);
    return rest;
  }
  const Container other = value(index, level + 1);
  if (other.is(Form::none)) return other;
  Slot& own = slot(level);
  // What lies in the next level's slot must come into this one's.
  if (acc.is(Form::full) && part.kind != Part::Kind::leaf) {
    assign(other, own.bits);
    return own.filled();
  }
  return keepIn(acc, other, own.bits, own.values);
}

Container Combiner::drop(const Container& acc, uint32_t index, uint32_t level) {
  const Part& part = parts_[index];
  if (acc.is(Form::none)) return acc;
  if (part.kind == Part::Kind::disjunction) {
    Container rest = acc;
    for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) rest = drop(rest, child, level);
    return rest;
  }
  const Container other = value(index, level + 1);
  if (other.is(Form::none)) return acc;
  Slot& own = slot(level);
  return keepOut(acc, other, own.bits, own.values);
}

Container Combiner::difference(const Part& part, uint32_t level) {
  const uint32_t what = parts_[part.child].next;
  return drop(value(part.child, level), what, level);
}

Container Combiner::disjunction(const Part& part, uint32_t level) {
  // A tree first, whose value may be made in the slot itself; else a bitset, which is copied and not cleared.
  uint32_t best = part.child;
  for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) {
    const Part &candidate = parts_[child], &chosen = parts_[best];
    if (candidate.kind != Part::Kind::leaf) {
      best = child;
      break;
    }
    if (candidate.form == Form::bitset && chosen.form != Form::bitset) best = child;
  }
  const Container first = value(best, level);
  Slot& own = slot(level);
  assign(first, own.bits);
  for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next)
    if (child != best) orInto(child, level);
  return own.filled();
}

void Combiner::orInto(uint32_t index, uint32_t level) {
  const Part& part = parts_[index];
  if (part.kind == Part::Kind::disjunction) {
    for (uint32_t child = part.child; child != Part::kNone; child = parts_[child].next) orInto(child, level);
    return;
  }
  const Container other = value(index, level + 1);
  orWith(slot(level).bits, other);
}

}  // namespace nofault::roaring
