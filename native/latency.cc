#include "latency.h"

#include <algorithm>
#include <cmath>

namespace nofault {

namespace {

constexpr double kPerDoubling = 4;

}  // namespace

void Latency::add(std::chrono::nanoseconds taken) {
  const double microseconds = std::max(1.0, static_cast<double>(taken.count()) / 1e3);
  const auto bucket = static_cast<size_t>(std::log2(microseconds) * kPerDoubling);
  counts_[std::min(bucket, kBuckets - 1)].fetch_add(1, std::memory_order_relaxed);
  for (int64_t known = longest_.load();
       known < taken.count() && !longest_.compare_exchange_weak(known, taken.count());) {
  }
}

Latency::Quantiles Latency::quantiles() const {
  // Looked at once, for all quantiles alike: more may be added meanwhile.
  uint64_t counts[kBuckets];
  uint64_t total = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket)
    total += counts[bucket] = counts_[bucket].load(std::memory_order_relaxed);
  const double longest = static_cast<double>(longest_.load()) / 1e6;
  const auto quantile = [&](double share) {
    uint64_t below = 0;
    for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
      below += counts[bucket];
      // The middle of the bucket, and never more than there was.
      if (total > 0 && static_cast<double>(below) >= share * static_cast<double>(total))
        return std::min(longest, std::exp2((static_cast<double>(bucket) + 0.5) / kPerDoubling) / 1e3);
    }
    return 0.0;
  };
  return {quantile(0.5), quantile(0.9), quantile(0.99), longest};
}

}  // namespace nofault
