// The fetcher's threads, with several environments that ask for the same files at once, cancel, close and end.
#include "fetcher.h"

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>

#include "check.h"
#include "environment.h"
#include "scratch_file.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 2000;
constexpr uint64_t kThere = 1900;  // the file ends here, though those who opened it do not know

std::shared_ptr<OpenFile> opened(const ScratchFile& scratch, const std::shared_ptr<Environment>& environment) {
  struct stat status {};
  CHECK(fstat(scratch.fd, &status) == 0);
  return std::make_shared<OpenFile>(dup(scratch.reading), kPages * kernel::pageSize(), status.st_dev,
                                    Fetcher::instance().share(status.st_dev, status.st_ino), environment, true);
}

std::shared_ptr<Request> ask(const std::shared_ptr<OpenFile>& file, std::mt19937& random) {
  static std::atomic<uint64_t> last{0};
  auto request = std::make_shared<Request>(static_cast<double>(++last), file, random() % 3 == 0);
  const size_t entries = random() % 10 == 0 ? 600 : 1 + random() % 40;
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t first = random() % kPages;
    const auto pages = static_cast<uint32_t>(1 + random() % std::min<uint64_t>(20, kPages - first));
    request->entries.push_back({first, pages, i});
  }
  Fetcher::instance().submit(request);
  return request;
}

// An environment's thread: what it asked for comes, each entry once and with the right outcome; what it has cancelled
// comes once at most.
void askAndCancel(const std::vector<std::unique_ptr<ScratchFile>>& scratches, unsigned seed, bool ending) {
  std::mt19937 random(seed);
  const std::shared_ptr<Environment> environment = startEnvironment();
  std::vector<std::shared_ptr<OpenFile>> files;
  std::vector<std::unique_ptr<PlacedWindow>> windows;
  for (const auto& scratch : scratches) {
    files.push_back(opened(*scratch, environment));
    if (random() % 2 == 0) continue;
    windows.push_back(std::make_unique<PlacedWindow>(files.back()->state, 0, kPages));
    std::lock_guard lock(files.back()->windowsMutex);
    files.back()->windows.set(0, windows.back()->window);
  }
  struct Asked {
    std::shared_ptr<Request> request;
    size_t left;
    std::vector<bool> told;
  };
  std::map<double, Asked> asked;
  size_t cancelled = 0;
  const auto take = [&] {
    for (const Completion& completion : takeCompletions(*environment)) {
      const auto known = asked.find(completion.request);
      if (known == asked.end()) continue;
      Asked& one = known->second;
      CHECK(!one.told[completion.entry]);
      one.told[completion.entry] = true;
      const bool cut = completion.badOffset >= 0;
      CHECK(completion.error == 0 && completion.truncated == cut);
      CHECK(!cut || completion.badOffset >= static_cast<double>(kThere * kernel::pageSize()));
      if (--one.left == 0) asked.erase(known);
    }
  };
  for (int round = 0; round < 150; ++round) {
    std::shared_ptr<Request> request = ask(files[random() % files.size()], random);
    const size_t entries = request->entries.size();
    asked[request->id] = {request, entries, std::vector<bool>(entries)};
    if (random() % 8 == 0) {
      const auto one = std::next(asked.begin(), static_cast<ptrdiff_t>(random() % asked.size()));
      Fetcher::instance().cancel(one->second.request);
      asked.erase(one);
      ++cancelled;
    }
    if (random() % 5 == 0) scratches[random() % scratches.size()]->forget();
    if (random() % 20 == 0) Fetcher::instance().configure(4 + random() % 20, uint64_t{1} << (22 + random() % 6));
    take();
  }
  CHECK(cancelled > 0);
  if (!ending) {
    while (!asked.empty()) {
      take();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  // As a worker ends: with what it still waits for, with its windows, and without a word to the fetcher's threads.
  Fetcher::instance().forget(*environment);
  endEnvironment(*environment);
  for (const auto& file : files) {
    std::lock_guard lock(file->windowsMutex);
    file->windows.set(0, nullptr);
  }
}

// Who wants bytes copied, of any alignment, of pages that others want mapped at the same time.
class Copying : public Recipient {
 public:
  explicit Copying(std::mt19937& random) {
    const uint64_t size = kernel::pageSize();
    for (uint64_t i = 1 + random() % 40; i > 0; --i) {
      const uint64_t offset = random() % ((kPages - 20) * size), length = 1 + random() % (20 * size);
      memory_.emplace_back(length, uint8_t{255});
      wanted_.push_back({memory_.back().data(), offset, length});
    }
    left_ = wanted_.size();
  }

  std::vector<Entry> entries() const {
    const uint64_t size = kernel::pageSize();
    std::vector<Entry> entries;
    for (uint32_t i = 0; i < wanted_.size(); ++i) {
      const uint64_t first = wanted_[i].offset / size, last = (wanted_[i].offset + wanted_[i].length - 1) / size;
      entries.push_back({first, static_cast<uint32_t>(last - first + 1), i});
    }
    return entries;
  }

  std::optional<Copy> copyOf(uint32_t index) const override { return wanted_[index]; }

  void arrived(const std::vector<Completion>& completions) override {
    const uint64_t size = kernel::pageSize();
    for (const Completion& completion : completions) {
      const Copy& copy = wanted_[completion.entry];
      const bool cut = copy.offset + copy.length > kThere * size;
      CHECK(completion.error == 0 && completion.truncated == cut && (completion.badOffset >= 0) == cut);
      for (uint64_t i = 0; !cut && i < copy.length; ++i) {
        // The word page + 1, all over.
        const uint64_t at = copy.offset + i, word = at / size + 1;
        CHECK(copy.into[i] == static_cast<uint8_t>(word >> (8 * (at % 4))));
      }
      --left_;
    }
  }

  bool all() const { return left_ == 0; }

 private:
  std::vector<std::vector<uint8_t>> memory_;
  std::vector<Copy> wanted_;
  std::atomic<size_t> left_;
};

void askForCopies(const std::vector<std::unique_ptr<ScratchFile>>& scratches, unsigned seed) {
  std::mt19937 random(seed);
  const std::shared_ptr<Environment> environment = startEnvironment();
  std::vector<std::shared_ptr<OpenFile>> files;
  files.reserve(scratches.size());
  for (const auto& scratch : scratches) files.push_back(opened(*scratch, environment));
  std::vector<std::shared_ptr<Copying>> asked;
  for (int round = 0; round < 150; ++round) {
    const auto copying = std::make_shared<Copying>(random);
    auto request = std::make_shared<Request>(copying, files[random() % files.size()], random() % 3 != 0);
    request->entries = copying->entries();
    Fetcher::instance().submit(request);
    if (random() % 8 == 0) {
      Fetcher::instance().cancel(request);
    } else {
      asked.push_back(copying);
    }
    if (random() % 3 == 0) scratches[random() % scratches.size()]->forget();
  }
  for (const auto& copying : asked) {
    while (!copying->all()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  endEnvironment(*environment);
}

// A device that stands still takes threads, and leaves some to others.
void tasksThatHang() {
  std::atomic<bool> go{false};
  std::atomic<int> hung{0}, done{0};
  Fetcher::instance().configure(8, uint64_t{1} << 28);
  for (int i = 0; i < 40; ++i) {
    Fetcher::instance().run(77, [&] {
      ++hung;
      while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++done;
    });
  }
  while (hung < 6) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::atomic<bool> other{false};
  Fetcher::instance().run(78, [&] { other = true; });
  while (!other) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(done == 0 && hung == 6);
  go = true;
  while (done < 40) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

int main() {
  std::vector<std::unique_ptr<ScratchFile>> scratches;
  scratches.reserve(3);
  for (int i = 0; i < 3; ++i) scratches.push_back(std::make_unique<ScratchFile>(kThere));
  onThreads(5, [&](unsigned thread) {
    if (thread % 3 == 2) return askForCopies(scratches, thread + 1);
    askAndCancel(scratches, thread + 1, thread % 2 == 1);
  });
  tasksThatHang();
}
