// Carries a scan out on threads: plans its steps, looks for what each needs in memory and has the rest fetched, and
// combines it where it is mapped. The event loop makes windows, when some are missing, and takes what has come out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "execution.h"
#include "finding.h"
#include "pace.h"

namespace nofault::roaring {

class Evaluation : public std::enable_shared_from_this<Evaluation> {
 public:
  enum class State : uint8_t { waiting, step, ended, failed };

  struct Options {
    bool scan = false;       // behind everything interactive
    bool impatient = false;  // whoever takes the rows may soon have enough
    bool least = false;      // of the goal `extreme`
  };

  // `program` is its alone from now on. `wake` is called, on any thread, when windows are wanted, and once there is
  // something after `look` has found nothing.
  Evaluation(std::shared_ptr<Program> program, std::vector<Source> sources, Options options,
             std::function<void()> wake);

  // --- on the loop ---

  void start();
  // What there is for the loop.
  State look();
  // The next step that is complete, in order; or, of goals whose outcome is numbers, all of them as one.
  std::shared_ptr<Execution> take();
  // Why it has failed; null where it has not.
  const Failure* failure();
  // Ranges of each file that were missing, and how many were asked about, since this was last called.
  struct Missed {
    uint64_t missing = 0, asked = 0;
  };
  std::vector<Missed> missed();
  // Windows without which it does not go on until it is told that they have been made.
  std::vector<Wanted> wanted();
  void windowsMade();
  // Nothing more comes out. `idle` is called when no thread reads the files' windows any more.
  void cancel(std::function<void()> idle);
  // Whether letting go of it would close a file, which may wait for a server.
  bool closes() const;

 private:
  class Run;
  using Lock = std::unique_lock<std::mutex>;

  void post(void (Evaluation::*task)(const std::shared_ptr<Run>&), std::shared_ptr<Run> run);
  void plan(const std::shared_ptr<Run>&);
  bool mayPlan() const;
  bool takePlace();
  bool placed();
  void ask(const std::shared_ptr<Run>& run);
  void park(const std::shared_ptr<Run>& run, const std::vector<Wanted>& wanted);
  void fetch(const std::shared_ptr<Run>& run, std::vector<std::vector<Entry>> missing);
  void combine(const std::shared_ptr<Run>& run);
  std::optional<Failure> cutOff(const Run& run) const;
  void finish(const std::shared_ptr<Run>& run);
  void fail(const Failure& failure);
  void giveUp(Lock lock);
  void tell(Lock lock);
  State state() const;
  bool over() const { return cancelled_ || failure_.has_value(); }

  const std::shared_ptr<Program> program_;
  const std::vector<Source> sources_;
  const Options options_;
  const std::function<void()> wake_;
  Room& room_;

  // All else. Nothing is waited for under it.
  std::mutex mutex_;
  Pace pace_;                              // the planner's
  bool planning_ = false, again_ = false;  // a thread plans; and has to look once more
  bool first_ = true;                      // no step has been planned
  bool ended_ = false;                     // all have
  bool resident_ = false;                  // all of the last one was in memory
  bool waitsForPlace_ = false, hasPlace_ = false;
  bool looked_ = false;  // the loop has found nothing
  bool cancelled_ = false;
  uint32_t depth_;
  size_t planned_ = 0, taken_ = 0;                    // steps
  std::vector<std::shared_ptr<Run>> under_, parked_;  // under way; those of them that wait for windows
  std::vector<Wanted> wanted_;
  std::vector<Missed> missed_;
  std::map<size_t, std::shared_ptr<Execution>> done_;  // by number: complete, and not taken yet
  std::shared_ptr<Execution> total_;                   // of goals whose outcome is numbers
  std::optional<Failure> failure_;
  unsigned busy_ = 0;  // tasks on threads
  std::vector<std::function<void()>> idle_;
};

}  // namespace nofault::roaring
