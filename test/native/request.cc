// Requests and the jobs that serve them, against a model: whatever overlaps and is in flight, each page is read once at
// a time, and each entry is told once, when the last of its pages has come, and of the bad ones among them.
#include "request.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "check.h"
#include "environment.h"
#include "scratch_file.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 200;

struct Told {
  std::set<uint32_t> entries;
  size_t expected = 0;
};

class Model {
 public:
  Model(const ScratchFile& scratch, unsigned seed)
      : random_(seed),
        shared_(std::make_shared<SharedFile>()),
        file_(std::make_shared<OpenFile>(dup(scratch.reading), kPages * kernel::pageSize(), 1, shared_,
                                         startEnvironment(), true)) {
    for (uint64_t page = 0; page < kPages; ++page) {
      if (random_() % 11 == 0) bad_.insert(page);
    }
  }

  void run() {
    for (int step = 0; step < 400; ++step) {
      if (random_() % 4 == 0 && requests_.size() < 8) ask();
      if (random_() % 2 == 0 && !requests_.empty()) start();
      if (random_() % 3 == 0 && !shared_->inFlight.empty()) finish();
    }
    while (!requests_.empty()) start();
    while (!shared_->inFlight.empty()) finish();
    for (const auto& [id, told] : told_) CHECK(told.entries.size() == told.expected);
  }

 private:
  void ask() {
    auto request = std::make_shared<Request>(++last_, file_, random_() % 2 == 0);
    const size_t entries = 1 + random_() % 12;
    for (uint32_t i = 0; i < entries; ++i) {
      const uint64_t first = random_() % kPages;
      const auto pages = static_cast<uint32_t>(1 + random_() % std::min<uint64_t>(30, kPages - first));
      request->entries.push_back({first, pages, i});
    }
    std::sort(request->entries.begin(), request->entries.end(), [](auto& a, auto& b) { return a.first < b.first; });
    request->order = Request::Order::sorted;
    request->unfinished = entries;
    told_[request->id].expected = entries;
    requests_.push_back(std::move(request));
  }

  void start() {
    const size_t which = random_() % requests_.size();
    const std::shared_ptr<Request> request = requests_[which];
    std::set<uint64_t> before;
    for (const auto& [first, job] : shared_->inFlight) {
      for (uint64_t page = first; page < job->end(); ++page) before.insert(page);
    }
    const uint64_t longest = 1 + random_() % 40;
    std::vector<Job*> fresh;
    takeRun(request, *shared_, longest, fresh);
    for (const Job* job : fresh) {
      CHECK(job->pages >= 1 && job->pages <= longest && job->end() <= kPages && !job->waiters.empty());
      for (uint64_t page = job->first; page < job->end(); ++page) CHECK(before.insert(page).second);
    }
    if (request->exhausted()) requests_.erase(requests_.begin() + static_cast<ptrdiff_t>(which));
  }

  void finish() {
    auto at = shared_->inFlight.begin();
    std::advance(at, random_() % shared_->inFlight.size());
    const std::unique_ptr<Job> job = std::move(shared_->inFlight.extract(at).mapped());
    for (uint64_t page = job->first; page < job->end(); ++page) {
      if (bad_.contains(page)) job->filled.bad.push_back({page, 5, page % 2 == 0});
    }
    settle(*job, kernel::pageSize(), [&](Request& request, const Entry& entry) {
      CHECK(told_[request.id].entries.insert(entry.index).second);
      const auto first = bad_.lower_bound(entry.first);
      CHECK((entry.badOffset >= 0) == (first != bad_.end() && *first < entry.end()));
      if (entry.badOffset < 0) return;
      const uint64_t page = static_cast<uint64_t>(entry.badOffset) / kernel::pageSize();
      CHECK(bad_.contains(page) && page >= entry.first && page < entry.end());
      CHECK(entry.error == 5 && entry.truncated == (page % 2 == 0));
    });
  }

  std::mt19937 random_;
  std::shared_ptr<SharedFile> shared_;
  std::shared_ptr<OpenFile> file_;
  std::set<uint64_t> bad_;
  std::vector<std::shared_ptr<Request>> requests_;
  std::map<double, Told> told_;
  double last_ = 0;
};

}  // namespace

int main() {
  const ScratchFile scratch(1);
  for (unsigned seed = 1; seed <= 60; ++seed) Model(scratch, seed).run();
}
