// What a scan does, chunk by chunk: which containers an expression needs as far as the headers tell, where they lie,
// and what is to be combined when they are here.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "ahead.h"
#include "combine.h"
#include "header.h"

namespace nofault::roaring {

// A bitmap that a program reads.
struct Bitmap {
  std::shared_ptr<const Header> header;
  uint32_t source;    // the number of the file that it lies in
  uint64_t offset;    // in that
  uint32_t rank = 0;  // among a program's, by place
};

// What is wanted of the rows.
enum class Goal : uint8_t {
  count,    // how many there are
  rows,     // themselves
  bitmap,   // as a bitmap
  counts,   // how many of them each of some more bitmaps has
  extreme,  // the least or greatest number that some more bitmaps are the digits of
};

// A stretch of a file in which containers lie whose pages touch.
struct Range {
  uint32_t source;
  uint64_t offset, length;  // bytes
  uint32_t firstNeed, endNeed;
};

// A container that is needed, by ascending place in the files.
struct Need {
  uint64_t offset;
  uint32_t source, length;
  uint32_t part, chunk;  // indexes in the step
  uint32_t rank;         // of its bitmap
};

struct Chunk {
  uint16_t key;
  uint32_t root;         // a part; Part::kNone: every row
  uint32_t missing = 0;  // containers
  // Of the goals `counts` and `extreme`: leaves, each with the number of its bitmap among those that were added.
  uint32_t firstExtra = 0, endExtra = 0;
};

struct Extra {
  uint32_t number;
  uint32_t part;
};

// Some chunks in a row, and what they need. Made by `Program::next`; afterwards only `bytes` and `missing` change.
struct Step {
  std::vector<Part> parts;
  std::vector<Chunk> chunks;
  std::vector<Extra> extras;
  std::vector<Need> needs;
  std::vector<Range> ranges;
  uint64_t bytes = 0;  // of the ranges
  uint64_t work = 0;   // ns, estimated
  // What the headers alone tell: rows, and for each bitmap that was added how many of them it has.
  uint64_t known = 0;
  std::vector<uint64_t> knownOf;
};

// Bounds of a step. It goes beyond them by one chunk at most.
struct Bounds {
  uint64_t bytes;
  uint64_t needs;
  uint64_t rows;    // at most so many may come out
  uint64_t visits;  // places in headers that are looked at
  uint64_t page;    // bytes: containers whose pages touch are read together
};

class Program {
 public:
  // Numbers that a tree is written in, each node before its children.
  enum Code : uint32_t { kAll, kBitmap, kAnd, kOr, kMinus };

  // `code`: kAll; kBitmap and the number of a bitmap; kAnd or kOr, how many children, and these; kMinus, from, and
  // what. `extras` are further bitmaps. False when that is no program.
  bool compile(const uint32_t* code, size_t length, std::vector<Bitmap> bitmaps, std::vector<uint32_t> extras,
               Goal goal, uint64_t rowCount);

  // The next step; false when there is none. One of no chunks may come in between.
  bool next(const Bounds& bounds, Step& step);
  // Whether nothing comes after the steps so far.
  bool ended() const { return aheadNext_ == aheadChunks_.size() && aheadEnd_ == chunkCount_; }

  const Bitmap& bitmap(uint32_t number) const { return bitmaps_[number]; }
  size_t extras() const { return extras_.size(); }
  // How many files its bitmaps lie in, or more.
  size_t sources() const;
  Goal goal() const { return goal_; }
  uint64_t rowCount() const { return rowCount_; }

 private:
  struct Node {
    Code code;
    uint32_t first, end;             // its occurrences of bitmaps
    std::vector<uint32_t> children;  // nodes
    bool always;                     // has every row of a chunk that none of its bitmaps has any of
    uint32_t sometimes = 0;          // children of which that is not so
    // Of kAnd: those children, the one with rows in the fewest chunks first.
    std::vector<uint32_t> narrowest;
    uint64_t chunks = 0;  // in which it has rows, at most
  };

  // A bitmap in the tree, or one that was added: the place in its header that comes next.
  struct Occurrence {
    uint32_t bitmap;
    uint32_t next = 0;
  };

  // What is in the chunk: an occurrence, and its container.
  struct Present {
    uint32_t occurrence;
    uint32_t place;
  };

  // What the headers tell of a node in a chunk.
  struct Outcome {
    enum class Truth : uint8_t { none, all, some };
    Truth truth = Truth::none;
    bool exact = true;  // `rows` is how many; else at most so many
    uint32_t rows = 0;
    uint32_t part = Part::kNone;  // of `some`
  };

  bool parse(const uint32_t*& code, const uint32_t* end, uint32_t depth, uint32_t& node);
  uint64_t chunksOf(const Node& node) const;

  // In ahead.cc. They return about how many places they have looked at.
  uint64_t lookAhead();
  uint64_t narrow(uint32_t node, ChunkSet& mask);
  uint64_t narrowLeaf(uint32_t occurrence, ChunkSet& mask);
  uint64_t gather();
  void plan(uint16_t key, const Present* begin, const Present* end, Step& step);
  Outcome weigh(uint32_t node, const Present*& at, const Present* end, Step& step);
  Outcome weighAll(Step& step);
  Outcome weighLeaf(const Present& present, Step& step);
  Outcome weighMany(const Node& node, const Present*& at, const Present* end, Step& step);
  Outcome weighMinus(const Node& node, const Present*& at, const Present* end, Step& step);
  uint32_t addLeaf(const Present& present, Step& step);
  void addExtras(const Outcome& outcome, const Present* begin, const Present* end, Step& step);
  void rankBitmaps();
  void sort(std::vector<Need>& needs);
  void findNeeds(Step& step, uint64_t page);
  const Place& placeOf(const Present& present) const;

  std::vector<Bitmap> bitmaps_;
  std::vector<uint32_t> extras_;
  std::vector<Node> nodes_;
  std::vector<Occurrence> occurrences_;
  uint32_t root_ = 0;
  uint32_t treeEnd_ = 0;  // occurrences of the tree
  Goal goal_ = Goal::count;
  uint64_t rowCount_ = 0;
  uint32_t chunkCount_ = 0;
  uint8_t lastRows_[6] = {};  // a container of every row of the last chunk

  // Chunks that are looked ahead of at once: those of them that may have rows, and what is in each of these.
  uint32_t aheadFirst_ = 0, aheadEnd_ = 0;
  std::vector<uint32_t> aheadChunks_;
  std::vector<Present> ahead_;
  std::vector<uint32_t> aheadStarts_;
  size_t aheadNext_ = 0;  // the next of these chunks

  // What `sort` works with, and how much room the last step took.
  std::vector<Need> dealt_;
  std::vector<uint32_t> places_;
  struct {
    size_t parts = 0, needs = 0, chunks = 0;
  } sizes_;

  // The chunk that is being planned.
  uint32_t key_ = 0;
  uint32_t chunkRows_ = 0;
  uint32_t outcomeRows_ = 0;
};

}  // namespace nofault::roaring
