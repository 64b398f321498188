// Latencies added by several threads while another asks for their quantiles.
#include "latency.h"

#include "check.h"

using std::chrono::microseconds;

int main() {
  nofault::Latency latency;
  CHECK(latency.quantiles().p99 == 0 && latency.quantiles().max == 0);
  onThreads(4, [&](unsigned thread) {
    for (int i = 1; i <= 10'000; ++i) {
      if (thread < 3) {
        latency.add(microseconds(i));
      } else {
        const auto [p50, p90, p99, max] = latency.quantiles();
        CHECK(p50 <= p90 && p90 <= p99 && p99 <= max && max <= 10);
      }
    }
  });
  const auto [p50, p90, p99, max] = latency.quantiles();
  // A quantile is right to a fifth.
  CHECK(p50 > 4 && p50 < 6 && p90 > 7.2 && p90 < 10 && p99 > 7.9 && p99 <= 10 && max == 10);
  latency.add(microseconds(-5));
  latency.add(std::chrono::hours(100));
  CHECK(latency.quantiles().max == 3.6e8);
}
