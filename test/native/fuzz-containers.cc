// Throws random and damaged bytes at what reads Roaring bitmaps, and compares every kernel with a plain loop. Ends with
// 1 where something is wrong; AddressSanitizer and UndefinedBehaviorSanitizer end it where memory is.
//
//   g++ -std=c++20 -O1 -g -pthread -fsanitize=address,undefined -fno-sanitize-recover -o fuzz-containers
//     test/native/fuzz-containers.cc
//     native/roaring/{kernels,header,write,operate,pairs,combine,program,ahead,check_container}.cc
//   ./fuzz-containers [rounds] [seed]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "../../native/roaring/check_container.h"
#include "../../native/roaring/kernels.h"
#include "../../native/roaring/operate.h"
#include "../../native/roaring/program.h"
#include "../../native/roaring/write.h"

using namespace nofault::roaring;

namespace {

using Random = std::mt19937_64;

[[noreturn]] void wrong(const char* what, uint64_t round) {
  fprintf(stderr, "wrong: %s, in round %llu\n", what, static_cast<unsigned long long>(round));
  exit(1);
}

std::vector<uint64_t> randomBits(Random& random) {
  std::vector<uint64_t> bits(kWords);
  switch (random() % 5) {
    case 0:
      for (uint64_t n = random() % 6000; n > 0; --n) bits[random() % kWords] |= uint64_t{1} << random() % 64;
      break;
    case 1:
      for (uint64_t n = 1 + random() % 300; n > 0; --n) {
        const uint32_t first = random() % kChunk;
        setRange(bits.data(), first, std::min<uint32_t>(kChunk - 1, first + random() % 500));
      }
      break;
    case 2:
      for (uint64_t& word : bits) word = std::bit_and{}(random(), random());
      break;
    case 3:
      for (uint64_t& word : bits) word = std::bit_or{}(random(), random());
      break;
    default:
      if (random() % 2 == 0) setRange(bits.data(), 0, kChunk - 1);
      bits[random() % kWords] ^= uint64_t{1} << random() % 64;
  }
  return bits;
}

bool has(const std::vector<uint64_t>& bits, uint32_t value) { return ((bits[value / 64] >> value % 64) & 1) != 0; }

std::vector<uint16_t> valuesOf(const std::vector<uint64_t>& bits) {
  std::vector<uint16_t> values;
  for (uint32_t value = 0; value < kChunk; ++value)
    if (has(bits, value)) values.push_back(static_cast<uint16_t>(value));
  return values;
}

// At any alignment, and with nothing around it that could be read by mistake.
struct Crooked {
  explicit Crooked(const void* from, size_t length, size_t shift) : memory(length + shift) {
    if (length > 0) memcpy(memory.data() + shift, from, length);
    bytes = memory.data() + shift;
  }
  std::vector<uint8_t> memory;
  uint8_t* bytes;
};

void compareKernels(Random& random, uint64_t round) {
  uint32_t levels = 0;
  const Kernels* all = allKernels(levels);
  const auto one = randomBits(random), other = randomBits(random);
  std::vector<uint16_t> values;
  for (uint64_t n = random() % (kMostValues + 1); n > 0; --n) values.push_back(static_cast<uint16_t>(random()));
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  const auto count = static_cast<uint32_t>(values.size());
  const Crooked a(one.data(), kBitsetBytes, random() % 8), b(other.data(), kBitsetBytes, random() % 8);
  const Crooked v(values.data(), size_t{count} * 2, random() % 8);
  const Word* wa = reinterpret_cast<const Word*>(a.bytes);
  const Word* wb = reinterpret_cast<const Word*>(b.bytes);
  const Value* array = reinterpret_cast<const Value*>(v.bytes);

  std::vector<uint64_t> both(kWords), either(kWords), first(kWords), set = one, cleared = one;
  for (uint32_t i = 0; i < kWords; ++i) {
    both[i] = one[i] & other[i];
    either[i] = one[i] | other[i];
    first[i] = one[i] & ~other[i];
  }
  std::vector<uint16_t> in, out;
  for (const uint16_t value : values) {
    (has(one, value) ? in : out).push_back(value);
    set[value / 64] |= uint64_t{1} << value % 64;
    cleared[value / 64] &= ~(uint64_t{1} << value % 64);
  }
  const auto oneValues = valuesOf(one);
  for (uint32_t level = 0; level < levels; ++level) {
    const Kernels& kernels = all[level];
    const auto same = [&](const char* what, const std::vector<uint64_t>& got, const std::vector<uint64_t>& right) {
      if (got != right) wrong(what, round);
    };
    if (kernels.count(wa) != oneValues.size()) wrong("count", round);
    if (kernels.countAnd(wa, wb) != valuesOf(both).size()) wrong("countAnd", round);
    if (kernels.countMinus(wa, wb) != valuesOf(first).size()) wrong("countMinus", round);
    std::vector<uint64_t> into = one;
    kernels.andInto(into.data(), wb);
    same("andInto", into, both);
    into = one;
    kernels.orInto(into.data(), wb);
    same("orInto", into, either);
    into = one;
    kernels.minusInto(into.data(), wb);
    same("minusInto", into, first);
    kernels.andTo(into.data(), wa, wb);
    same("andTo", into, both);
    kernels.minusTo(into.data(), wa, wb);
    same("minusTo", into, first);
    if (kernels.split(into.data(), wa, wb) != valuesOf(both).size()) wrong("split", round);
    same("split", into, first);
    into = one;
    if (kernels.split(into.data(), reinterpret_cast<const Word*>(into.data()), wb) != valuesOf(both).size())
      wrong("split in place", round);
    same("split in place", into, first);
    into = one;
    kernels.set(into.data(), array, count);
    same("set", into, set);
    into = one;
    kernels.clear(into.data(), array, count);
    same("clear", into, cleared);
    if (kernels.countIn(wa, array, count) != in.size()) wrong("countIn", round);
    std::vector<uint16_t> kept(count);
    kept.resize(kernels.keepIn(wa, array, count, kept.data()));
    if (kept != in) wrong("keepIn", round);
    kept.resize(count);
    kept.resize(kernels.keepOut(wa, array, count, kept.data()));
    if (kept != out) wrong("keepOut", round);
    kept = values;
    kept.resize(kernels.keepIn(wa, reinterpret_cast<const Value*>(kept.data()), count, kept.data()));
    if (kept != in) wrong("keepIn in place", round);
    std::vector<uint32_t> rows(kChunk);
    rows.resize(kernels.rowsOf(wa, 0x30000, rows.data()));
    if (rows.size() != oneValues.size() ||
        !std::equal(rows.begin(), rows.end(), oneValues.begin(),
                    [](uint32_t row, uint16_t value) { return row == 0x30000U + value; }))
      wrong("rowsOf", round);
    rows.resize(count);
    kernels.rowsFrom(array, count, 0x10000, rows.data());
    for (uint32_t i = 0; i < count; ++i)
      if (rows[i] != 0x10000U + values[i]) wrong("rowsFrom", round);
  }
}

// A bitmap of random containers, as the writer makes it.
Bytes randomBitmap(Random& random) {
  Bytes body, bitmap;
  std::vector<Written> written;
  uint32_t key = random() % 3;
  for (uint64_t n = 1 + random() % 7; n > 0; --n, key += 1 + random() % 2)
    if (const Written one = writeBits(static_cast<uint16_t>(key), randomBits(random).data(), body); one.cardinality > 0)
      written.push_back(one);
  writeHeader(written, bitmap);
  bitmap.insert(bitmap.end(), body.begin(), body.end());
  return bitmap;
}

void damage(Bytes& bytes, Random& random) {
  switch (random() % 4) {
    case 0:  // anything
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
      break;
    case 1:  // a header that is nearly right
      for (uint64_t n = 1 + random() % 4; n > 0; --n)
        bytes[random() % std::min<size_t>(bytes.size(), 96)] ^= static_cast<uint8_t>(1U << random() % 8);
      break;
    case 2:  // counts and lengths of all bits
      memset(bytes.data() + random() % bytes.size(), 0xff, 1);
      break;
    default:
      for (uint64_t n = 1 + random() % 64; n > 0; --n) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
  }
}

// A random program over so many bitmaps.
void randomCode(Random& random, uint32_t bitmaps, uint32_t depth, std::vector<uint32_t>& code) {
  const uint64_t kind = depth == 0 ? 0 : random() % 4;
  if (kind == 0) {
    code.push_back(Program::kBitmap);
    code.push_back(static_cast<uint32_t>(random() % bitmaps));
    return;
  }
  if (kind == 3) {
    code.push_back(Program::kMinus);
    if (random() % 4 == 0) {
      code.push_back(Program::kAll);
    } else {
      randomCode(random, bitmaps, depth - 1, code);
    }
    return randomCode(random, bitmaps, depth - 1, code);
  }
  const auto children = static_cast<uint32_t>(2 + random() % 3);
  code.push_back(kind == 1 ? Program::kAnd : Program::kOr);
  code.push_back(children);
  for (uint32_t i = 0; i < children; ++i) randomCode(random, bitmaps, depth - 1, code);
}

// Scans bitmaps that may be damaged, while somebody changes them.
void scan(Random& random, uint64_t round, bool changing) {
  std::vector<Bytes> files;
  std::vector<Bitmap> bitmaps;
  for (uint32_t i = 0; i < 4; ++i) {
    Bytes bytes = randomBitmap(random);
    if (random() % 3 == 0) damage(bytes, random);
    // Exactly as much as it asks for, so that a byte more is found out.
    const Bytes start(bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(headerLength(bytes.data(), bytes.size())));
    auto header = std::make_shared<Header>();
    Malformed malformed;
    if (!parse(start.data(), start.size(), bytes.size(), *header, malformed)) {
      if (malformed.offset > bytes.size()) wrong("damage that is said to lie outside", round);
      continue;
    }
    bitmaps.push_back({header, static_cast<uint32_t>(files.size()), 0});
    files.push_back(std::move(bytes));
    // An index may say that two bitmaps lie at the same place.
    if (random() % 4 == 0) bitmaps.push_back(bitmaps.back());
  }
  if (bitmaps.empty()) return;
  for (const Bitmap& bitmap : bitmaps) {
    const Bytes& file = files[bitmap.source];
    for (const Place& place : bitmap.header->places) {
      if (uint64_t{place.offset} + place.length > file.size()) wrong("a container outside of the bitmap", round);
      const Bytes body(file.begin() + place.offset, file.begin() + place.offset + place.length);
      check(place, body.data());
    }
  }
  std::atomic<bool> stop{false};
  std::thread writer;
  if (changing) {
    writer = std::thread([&files, &stop, seed = random()] {
      Random own(seed);
      while (!stop) {
        Bytes& file = files[own() % files.size()];
        reinterpret_cast<volatile uint8_t*>(file.data())[own() % file.size()] = static_cast<uint8_t>(own());
      }
    });
  }
  std::vector<uint32_t> code;
  randomCode(random, static_cast<uint32_t>(bitmaps.size()), 3, code);
  const uint64_t rowCount = uint64_t{20} * kChunk - random() % kChunk;
  for (const Goal goal : {Goal::count, Goal::rows, Goal::counts}) {
    Program program;
    std::vector<uint32_t> extras;
    if (goal == Goal::counts) extras = {0};
    if (!program.compile(code.data(), code.size(), bitmaps, extras, goal, rowCount)) wrong("no program", round);
    auto combiner = std::make_unique<Combiner>();
    std::vector<uint32_t> rows(kChunk);
    for (Step step; program.next({1 + random() % 65536, 64, kChunk, 100, 4096}, step); step = {}) {
      // A copy of just the range's bytes: what is read beside them is found out.
      std::vector<std::unique_ptr<Bytes>> copies;
      for (const Range& range : step.ranges) {
        const uint8_t* bytes = files[range.source].data() + range.offset;
        if (!changing) {
          copies.push_back(std::make_unique<Bytes>(bytes, bytes + range.length));
          bytes = copies.back()->data();
        }
        for (uint32_t i = range.firstNeed; i < range.endNeed; ++i)
          step.parts[step.needs[i].part].bytes = bytes + (step.needs[i].offset - range.offset);
      }
      for (const Chunk& chunk : step.chunks) {
        if (chunk.root == Part::kNone) continue;
        const uint32_t count = combiner->count(step.parts.data(), chunk.root);
        if (count > kChunk) wrong("more rows than a chunk has", round);
        const Container made = combiner->combine(step.parts.data(), chunk.root);
        if (rowsOf(made, 0, rows.data()) > kChunk) wrong("more rows than there is room for", round);
        for (uint32_t i = chunk.firstExtra; i < chunk.endExtra; ++i) {
          const Part& leaf = step.parts[step.extras[i].part];
          if (countCommon(made, combiner->of(leaf)) > kChunk) wrong("more in common than a chunk has", round);
          if (countOf(combiner->narrow(made, leaf, round % 2 == 0)) > kChunk)
            wrong("more left than a chunk has", round);
        }
      }
    }
  }
  stop = true;
  if (writer.joinable()) writer.join();
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = argc > 1 ? strtoull(argv[1], nullptr, 10) : 2000;
  const uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : 1;
  for (uint64_t round = 0; round < rounds; ++round) {
    Random random(seed * 1000003 + round);
    if (round % 4 == 0) compareKernels(random, round);
    scan(random, round, round % 8 == 7);
  }
  printf("%llu rounds from seed %llu: nothing is wrong\n", static_cast<unsigned long long>(rounds),
         static_cast<unsigned long long>(seed));
}
