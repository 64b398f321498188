// How long entries took from when they were asked for until they had arrived.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace nofault {

class Latency {
 public:
  struct Quantiles {
    double p50, p90, p99, max;  // ms; 0 while nothing has arrived
  };

  // From any thread.
  void add(std::chrono::nanoseconds taken);
  Quantiles quantiles() const;

 private:
  // Four to a doubling, from 1 us on: a quantile is right to a fifth.
  static constexpr size_t kBuckets = 160;
  std::atomic<uint32_t> counts_[kBuckets]{};
  std::atomic<int64_t> longest_{0};  // ns
};

}  // namespace nofault
