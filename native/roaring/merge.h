// Makes one of several sorted runs: a longer run, or a column of the index file.
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "directory.h"
#include "gathering.h"
#include "run.h"

namespace nofault::roaring {

// What of a column's place in the file its record in the table of columns has to say.
struct ColumnPlace {
  BitmapRef existing;                                                           // when some rows are null
  std::vector<BitmapRef> bits;                                                  // numbers
  uint64_t valueCount = 0, root = 0, height = 0, firstLeaf = 0, leafCount = 0;  // values
};

class Merge {
 public:
  // The runs follow one another in chunks. `stop` is looked at for each entry; then the failure is ECANCELED.
  Merge(Gathering::Kind kind, const std::vector<RunPlace>& runs, const std::atomic<bool>& stop);

  void intoRun(FileWriter& to);
  // `slices` of numbers, as many as the longest run has or more; `leaves` is a file that the directory needs meanwhile.
  ColumnPlace intoColumn(FileWriter& to, int fd, bool existing, uint32_t slices, int leaves);
  const Failure& failure() const { return failure_; }

 private:
  using Group = std::vector<RunReader*>;

  // Calls `take` with each entry and the runs that have it, in the order of their chunks.
  template <class Take>
  void eachValue(Take take);
  template <class Take>
  void eachSlice(uint32_t slices, Take take);
  // The first entry of every run.
  Group readExisting();
  bool stopped();
  void note(const Failure& failure);
  bool advance(RunReader& reader);
  std::vector<Written> containersOf(const Group& group) const;
  void copy(const Group& group, FileWriter& to, uint32_t* checksum);
  void writeRunEntry(const Bytes& key, const Group& group, FileWriter& to);
  BitmapRef writeBitmap(const Group& group, FileWriter& to);

  Gathering::Kind kind_;
  const std::atomic<bool>& stop_;
  std::vector<RunReader> readers_;
  Failure failure_;
};

}  // namespace nofault::roaring
