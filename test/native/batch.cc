// A batch that one thread works through while others look at it: each run is the worker's or is taken back, and each
// that was done is harvested once; and one that a companion has not begun is left alone as long as nobody needs it.
#include "batch.h"

#include <thread>

#include "check.h"

using namespace nofault;

namespace {

constexpr size_t kRuns = 64;

std::vector<Job> jobs(bool scan) {
  std::vector<Job> made;
  for (uint64_t i = 0; i < kRuns; ++i) made.push_back({nullptr, i, 1, scan, !scan, false, true, nullptr, 0, {}});
  return made;
}

std::vector<Job*> pointers(std::vector<Job>& jobs) {
  std::vector<Job*> all;
  all.reserve(jobs.size());
  for (Job& job : jobs) all.push_back(&job);
  return all;
}

void workedThroughAndTakenFrom(unsigned round) {
  std::vector<Job> runs = jobs(false);
  Batch batch(Batch::Step::finish, pointers(runs));
  std::vector<int> worked(kRuns), harvested(kRuns), taken(kRuns);
  const auto harvest = [&] {
    for (const Job* job : batch.harvest()) ++harvested[job->first];
  };
  std::thread worker([&] {
    while (const Job* job = batch.next()) {
      ++worked[job->first];
      batch.done();
    }
  });
  for (unsigned look = 0; look < round % 8; ++look) harvest();
  if (round % 2 == 0)
    for (const Job* job : batch.takeBack()) ++taken[job->first];
  worker.join();
  harvest();
  for (size_t i = 0; i < kRuns; ++i) CHECK(worked[i] == harvested[i] && worked[i] + taken[i] == 1);
}

void leftToItsCompanion() {
  std::vector<Job> runs = jobs(true);
  Batch batch(Batch::Step::finish, pointers(runs));
  CHECK(batch.mayStandAside() && !batch.standsAside());
  batch.standAside();
  CHECK(batch.standsAside());
  // Somebody interactive has come.
  runs[5].urgent = true;
  CHECK(!batch.mayStandAside() && !batch.standsAside());
  runs[5].urgent = false;
  CHECK(batch.standsAside());
  CHECK(batch.next() == runs.data());
  CHECK(!batch.standsAside());
  // It moves, and then it does not.
  CHECK(!batch.stands() && batch.stands());
  CHECK(batch.next() != nullptr && !batch.stands());
  CHECK(!Batch(Batch::Step::start, pointers(runs)).mayStandAside());
}

}  // namespace

int main() {
  for (unsigned round = 0; round < 400; ++round) workedThroughAndTakenFrom(round);
  leftToItsCompanion();
}
