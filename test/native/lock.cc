// Locking and unlocking by several threads, and the end of all of it at any moment.
#include "lock.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <random>

#include "check.h"
#include "environment.h"
#include "fetcher.h"
#include "scratch_file.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 600;

Edges randomEdges(std::mt19937& random) {
  std::vector<double> first, count;
  for (size_t i = 1 + random() % 20; i > 0; --i) {
    first.push_back(static_cast<double>(random() % (kPages - 30)));
    count.push_back(static_cast<double>(1 + random() % 30));
  }
  Edges edges = joinRuns(first.data(), count.data(), first.size());
  // Sorted, and neither overlapping nor touching.
  CHECK(edges.size() % 2 == 0);
  for (size_t i = 1; i < edges.size(); ++i) CHECK(edges[i - 1] < edges[i]);
  for (size_t i = 0; i < first.size(); ++i) {
    const auto above = std::upper_bound(edges.begin(), edges.end(), first[i]);
    CHECK((above - edges.begin()) % 2 == 1 && *above >= first[i] + count[i]);
  }
  return edges;
}

void lockUntilItEnds(const ScratchFile& scratch, unsigned seed) {
  const std::shared_ptr<Environment> environment = startEnvironment();
  struct stat status {};
  CHECK(fstat(scratch.fd, &status) == 0);
  OpenFile file(dup(scratch.reading), kPages * kernel::pageSize(), status.st_dev,
                Fetcher::instance().share(status.st_dev, status.st_ino), environment, true);
  const PlacedWindow placed(file.state, 0, kPages);
  file.windows.set(0, placed.window);
  onThreads(3, [&](unsigned thread) {
    std::mt19937 random(seed * 10 + thread);
    if (thread == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
      endLocks(file, {0});
      return;
    }
    for (int round = 0; round < 20; ++round) {
      const Edges edges = randomEdges(random);
      const auto refused = lockRuns(file, edges, edges.size() / 2);
      CHECK(!refused || refused->error == ECANCELED || refused->limit != LockRefusal::Limit::none);
      if (!refused) CHECK(!confirmRuns(file, edges));
      const auto kept = unlockRuns(file, edges, edges.size() / 2);
      CHECK(!kept || kept->error == ECANCELED);
    }
  });
  std::lock_guard lock(file.windowsMutex);
  file.windows.set(0, nullptr);
}

uint64_t lockedKib() {
  unsigned long long kib = 0;
  FILE* status = fopen("/proc/self/status", "re");
  CHECK(status != nullptr);
  char line[256];
  while (fgets(line, sizeof line, status) != nullptr && sscanf(line, "VmLck: %llu", &kib) != 1) continue;
  fclose(status);
  return kib;
}

}  // namespace

int main() {
  const uint64_t before = lockedKib();
  const ScratchFile scratch(kPages);
  for (unsigned seed = 1; seed <= 20; ++seed) lockUntilItEnds(scratch, seed);
  CHECK(lockedKib() == before);
}
