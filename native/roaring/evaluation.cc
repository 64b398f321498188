#include "evaluation.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "../aside.h"
#include "../compute_pool.h"
#include "../fetcher.h"
#include "../kernel.h"
#include "evaluation_run.h"

namespace nofault::roaring {

namespace {

// Chunks that are combined at once by who is last: a fraction of a millisecond.
constexpr size_t kAside = 64;

}  // namespace

Evaluation::Evaluation(std::shared_ptr<Program> program, std::vector<Source> sources, Options options,
                       std::function<void()> wake)
    : program_(std::move(program)),
      sources_(std::move(sources)),
      options_(options),
      wake_(std::move(wake)),
      room_(sources_.front().file->rooms[options.scan]),
      pace_(options.impatient),
      depth_(pace_.depth()),
      missed_(sources_.size()) {}

// --- on the loop ---

void Evaluation::start() { post(&Evaluation::plan, nullptr); }

Evaluation::State Evaluation::state() const {
  if (!done_.empty() && done_.begin()->first == taken_) return State::step;
  if (failure_) return State::failed;
  if (cancelled_ || (ended_ && under_.empty() && !planning_)) return total_ ? State::step : State::ended;
  return State::waiting;
}

Evaluation::State Evaluation::look() {
  std::lock_guard lock(mutex_);
  const State now = state();
  looked_ = now == State::waiting;
  return now;
}

std::shared_ptr<Execution> Evaluation::take() {
  std::shared_ptr<Execution> taken;
  {
    std::lock_guard lock(mutex_);
    if (state() != State::step) return nullptr;
    if (total_) return std::exchange(total_, nullptr);
    taken = std::move(done_.begin()->second);
    done_.erase(done_.begin());
    ++taken_;
    depth_ = std::min(depth_ + 1, Pace::kSteps);
    if (ended_) return taken;
  }
  post(&Evaluation::plan, nullptr);
  return taken;
}

bool Evaluation::closes() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const Source& source) { return source.file.use_count() == 1; });
}

const Failure* Evaluation::failure() {
  std::lock_guard lock(mutex_);
  return failure_ ? &*failure_ : nullptr;
}

std::vector<Evaluation::Missed> Evaluation::missed() {
  std::lock_guard lock(mutex_);
  return std::exchange(missed_, std::vector<Missed>(sources_.size()));
}

std::vector<Wanted> Evaluation::wanted() {
  std::lock_guard lock(mutex_);
  return wanted_;
}

void Evaluation::windowsMade() {
  std::vector<std::shared_ptr<Run>> parked;
  {
    std::lock_guard lock(mutex_);
    wanted_.clear();
    parked.swap(parked_);
  }
  for (auto& run : parked) post(&Evaluation::ask, std::move(run));
  post(&Evaluation::plan, nullptr);
}

void Evaluation::cancel(std::function<void()> idle) {
  Lock lock(mutex_);
  cancelled_ = true;
  total_ = nullptr;
  done_.clear();
  if (busy_ > 0) {
    idle_.push_back(std::move(idle));
    return giveUp(std::move(lock));
  }
  giveUp(std::move(lock));
  idle();
}

// --- on any thread ---

// Has a thread do something, unless it is over.
void Evaluation::post(void (Evaluation::*task)(const std::shared_ptr<Run>&), std::shared_ptr<Run> run) {
  {
    std::lock_guard lock(mutex_);
    if (over()) return;
    ++busy_;
  }
  ComputePool& pool = options_.scan ? ComputePool::ofScans() : ComputePool::instance();
  pool.run([self = shared_from_this(), task, run = std::move(run)] {
    ((*self).*task)(run);
    std::vector<std::function<void()>> idle;
    {
      std::lock_guard lock(self->mutex_);
      if (--self->busy_ == 0) idle.swap(self->idle_);
    }
    for (const auto& told : idle) told();
  });
}

bool Evaluation::mayPlan() const {
  return !over() && !ended_ && wanted_.empty() && under_.size() + done_.size() < depth_;
}

// One thread at a time; whoever comes meanwhile has it look again.
void Evaluation::plan(const std::shared_ptr<Run>&) {
  Lock lock(mutex_);
  again_ = true;
  if (planning_) return;
  planning_ = true;
  while (std::exchange(again_, false)) {
    while (mayPlan() && (first_ || takePlace())) {
      const bool placed = !std::exchange(first_, false);
      const Bounds bounds = pace_.next(resident_);
      lock.unlock();
      Step step;
      program_->next(bounds, step);
      auto execution = std::make_shared<Execution>(program_, std::move(step));
      execution->least = options_.least;
      lock.lock();
      ended_ = program_->ended();
      const auto run = std::make_shared<Run>(shared_from_this(), std::move(execution), planned_++, placed);
      if (!over()) under_.push_back(run);
      const bool given = over() && placed;
      lock.unlock();
      if (given) room_.giveBack();
      ask(run);
      lock.lock();
    }
  }
  planning_ = false;
  tell(std::move(lock));
}

// Whether there is a place for one more step.
bool Evaluation::takePlace() {
  if (std::exchange(hasPlace_, false)) return true;
  if (waitsForPlace_) return false;
  waitsForPlace_ = !room_.take([self = shared_from_this()] { return self->placed(); });
  return !waitsForPlace_;
}

// There was none, and now there is. False when it is of no use by now.
bool Evaluation::placed() {
  {
    std::lock_guard lock(mutex_);
    waitsForPlace_ = false;
    hasPlace_ = mayPlan();
    if (!hasPlace_) return false;
  }
  post(&Evaluation::plan, nullptr);
  return true;
}

// Looks for a step's ranges in memory, and has the others fetched.
void Evaluation::ask(const std::shared_ptr<Run>& run) {
  Execution& execution = *run->execution;
  const std::vector<Range>& ranges = execution.step().ranges;
  Found found = find(sources_, ranges);
  if (found.failure) return fail(*found.failure);
  if (!found.wanted.empty()) return park(run, found.wanted);
  run->windows = std::move(found.windows);
  run->places = std::move(found.places);
  for (const uint32_t range : found.resident) {
    ++sources_[ranges[range].source].file->hits;
    execution.arrive(range, run->places[range]);
  }
  const bool all = found.resident.size() == ranges.size();
  {
    std::lock_guard lock(mutex_);
    resident_ = all;
    for (const Range& range : ranges) ++missed_[range.source].asked;
    for (size_t source = 0; source < sources_.size(); ++source) missed_[source].missing += found.missing[source].size();
  }
  if (all) return post(&Evaluation::combine, run);
  fetch(run, std::move(found.missing));
}

// It goes on when the loop has made windows.
void Evaluation::park(const std::shared_ptr<Run>& run, const std::vector<Wanted>& wanted) {
  {
    std::lock_guard lock(mutex_);
    if (over()) return;
    parked_.push_back(run);
    wanted_.insert(wanted_.end(), wanted.begin(), wanted.end());
  }
  wake_();
}

void Evaluation::fetch(const std::shared_ptr<Run>& run, std::vector<std::vector<Entry>> missing) {
  // What is mapped looks as used as anything, and who takes that back interrupts every processor (docs/kernel.md).
  if (options_.scan) run->copy(missing);
  std::vector<std::shared_ptr<Request>> requests;
  std::vector<size_t> entries;
  entries.reserve(missing.size());
  for (size_t source = 0; source < missing.size(); ++source) {
    entries.push_back(missing[source].size());
    if (missing[source].empty()) continue;
    requests.push_back(std::make_shared<Request>(run, sources_[source].file, options_.scan));
    requests.back()->entries = std::move(missing[source]);
  }
  {
    std::lock_guard lock(mutex_);
    if (over()) return;
    run->requests = requests;
    for (size_t source = 0; source < entries.size(); ++source) {
      sources_[source].file->misses += entries[source];
      sources_[source].file->awaited += entries[source];
    }
    run->missing = std::move(entries);
  }
  for (auto& request : requests) Fetcher::instance().submit(std::move(request));
}

void Evaluation::combine(const std::shared_ptr<Run>& run) {
  Execution& execution = *run->execution;
  const std::vector<uint32_t> ready = execution.takeReady();
  // A scan's chunks by and by: whoever is last may not get on for a long time.
  const size_t most = options_.scan ? kAside : ready.size();
  for (std::span<const uint32_t> left = ready; !left.empty(); left = left.subspan(std::min(most, left.size()))) {
    const auto work = [&] { execution.combine(left.first(std::min(most, left.size())), &run->windows); };
    options_.scan ? aside(work) : work();
  }
  {
    std::lock_guard lock(mutex_);
    if (over()) return;
  }
  // Somebody's pages were covered, and if some of these were, asking for them again says so; or a window was given up.
  // When its environment ends all are, and nobody waits any more.
  if (execution.disturbed() || !execution.complete()) {
    if (sources_.front().file->environment->ended()) return;
    execution.restart();
    return ask(run);
  }
  if (const auto failure = cutOff(*run)) return fail(*failure);
  if (const auto& damage = execution.damage()) return fail({Failure::Kind::damage, damage->source, damage->offset});
  finish(run);
}

// Behind the end of a file that has been cut, its last page has zeros, which no touch of them tells.
std::optional<Failure> Evaluation::cutOff(const Run& run) const {
  std::vector<uint64_t> ends(sources_.size());
  for (const Range& range : run.execution->step().ranges)
    ends[range.source] = std::max(ends[range.source], range.offset + range.length);
  for (uint32_t source = 0; source < ends.size(); ++source) {
    if (ends[source] == 0) continue;
    const std::optional<uint64_t> size = kernel::sizeNow(sources_[source].file->fd);
    if (size && *size < ends[source]) return Failure{Failure::Kind::ends, source, *size};
  }
  return {};
}

// A step is complete.
void Evaluation::finish(const std::shared_ptr<Run>& run) {
  {
    Lock lock(mutex_);
    if (std::erase(under_, run) == 0) return;
    if (program_->goal() == Goal::rows || program_->goal() == Goal::bitmap) {
      done_[run->number] = run->execution;
    } else if (total_) {
      total_->add(*run->execution);
    } else {
      total_ = run->execution;
    }
    tell(std::move(lock));
  }
  if (run->placed) room_.giveBack();
  // Here, where the pages that come next are planned by whoever has time.
  plan(nullptr);
}

void Evaluation::fail(const Failure& failure) {
  Lock lock(mutex_);
  if (over()) return;
  failure_ = failure;
  giveUp(std::move(lock));
}

// It is over: lets go of all that is under way.
void Evaluation::giveUp(Lock lock) {
  std::vector<std::shared_ptr<Run>> under;
  under.swap(under_);
  parked_.clear();
  wanted_.clear();
  size_t places = std::exchange(hasPlace_, false) ? 1 : 0;
  std::vector<std::shared_ptr<Request>> requests;
  for (const auto& run : under) {
    run->execution->cancelled = true;
    if (run->placed) ++places;
    // Requests hold their run, which must not hold them any longer.
    std::move(run->requests.begin(), run->requests.end(), std::back_inserter(requests));
    run->requests.clear();
    for (size_t source = 0; source < run->missing.size(); ++source)
      sources_[source].file->awaited -= run->missing[source];
  }
  tell(std::move(lock));
  for (const auto& request : requests) Fetcher::instance().cancel(request);
  for (; places > 0; --places) room_.giveBack();
}

// Wakes the loop if it waits for what there is now.
void Evaluation::tell(Lock lock) {
  if (!looked_ || state() == State::waiting) return;
  looked_ = false;
  lock.unlock();
  wake_();
}

}  // namespace nofault::roaring
