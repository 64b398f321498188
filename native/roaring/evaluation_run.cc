#include "evaluation_run.h"

#include <algorithm>
#include <mutex>

namespace nofault::roaring {

void Evaluation::Run::arrived(const std::vector<Completion>& completions) {
  Evaluation& evaluation = *evaluation_;
  std::optional<Failure> failure;
  bool complete = false;
  {
    std::lock_guard lock(evaluation.mutex_);
    if (evaluation.over()) return;
    for (const Completion& completion : completions) {
      const uint32_t source = execution->step().ranges[completion.entry].source;
      --evaluation.sources_[source].file->awaited;
      --missing[source];
      if (completion.badOffset >= 0) {
        const auto offset = static_cast<uint64_t>(completion.badOffset);
        failure = {Failure::Kind::read, source, offset, completion.error, completion.truncated};
        break;
      }
      execution->arrive(completion.entry, places[completion.entry]);
    }
    complete = std::all_of(missing.begin(), missing.end(), [](size_t entries) { return entries == 0; });
    if (complete) requests.clear();
  }
  if (failure) return evaluation.fail(*failure);
  if (complete) evaluation.post(&Evaluation::combine, shared_from_this());
}

std::optional<Copy> Evaluation::Run::copyOf(uint32_t range) const {
  if (!memory) return {};
  const Range& its = execution->step().ranges[range];
  return Copy{memory.get() + (places[range] - memory.get()), its.offset, its.length};
}

void Evaluation::Run::copy(const std::vector<std::vector<Entry>>& missing) {
  const std::vector<Range>& ranges = execution->step().ranges;
  uint64_t length = 0;
  for (const auto& entries : missing)
    for (const Entry& entry : entries) length += ranges[entry.index].length;
  memory = std::make_unique_for_overwrite<uint8_t[]>(length);
  const uint8_t* next = memory.get();
  for (const auto& entries : missing) {
    for (const Entry& entry : entries) {
      places[entry.index] = next;
      next += ranges[entry.index].length;
    }
  }
}

}  // namespace nofault::roaring
