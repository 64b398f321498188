#include "aside.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include "seat.h"
#include "thread.h"

namespace nofault {

namespace {

using Clock = Seat::Clock;

// How long somebody waits before he looks whether it is for want of a processor; and how many times as long as that has
// taken nobody is asked again: so on a busy machine a ninth is lost.
constexpr auto kPatience = std::chrono::milliseconds(20);
constexpr int kPause = 8;

// Until when the machine is taken to be busy.
std::atomic<Clock::rep> busyUntil{0};

thread_local bool doesAside = false;

// How long a thread of this process has been ready and had no processor, all together; 0 where the kernel does not
// tell.
std::chrono::nanoseconds waited(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/schedstat";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char text[96] = {};
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  int64_t had = 0, waited = 0;
  if (length <= 0 || sscanf(text, "%" SCNd64 " %" SCNd64, &had, &waited) != 2) return {};
  return std::chrono::nanoseconds(waited);
}

// A thread that works for another one, which waits meanwhile.
class Companion {
 public:
  // Null where there is no thread to be had.
  static std::shared_ptr<Companion> start() {
    auto companion = std::make_shared<Companion>();
    auto own = std::make_unique<std::shared_ptr<Companion>>(companion);
    if (!startThread(
            "nofault-aside", Manner::last,
            [](void* raw) -> void* {
              const std::unique_ptr<std::shared_ptr<Companion>> self(static_cast<std::shared_ptr<Companion>*>(raw));
              (*self)->live();
              return nullptr;
            },
            own.get()))
      return nullptr;
    static_cast<void>(own.release());
    return companion;
  }

  // Whether it has done the work; if not, it has not begun.
  bool run(const std::function<void()>& work) {
    const Clock::time_point asked = Clock::now();
    if (asked.time_since_epoch().count() < busyUntil.load(std::memory_order_relaxed)) return false;
    work_ = &work;
    state_.store(State::offered, std::memory_order_release);
    seat_.wake();
    if (ownersSeat_.sleepUntil(asked + kPatience)) return true;
    State offered = State::offered;
    const bool begun = !state_.compare_exchange_strong(offered, State::none);
    const Clock::time_point late = Clock::now();
    bool busy = !begun;
    if (begun) {
      const std::chrono::nanoseconds before = waited(thread_);
      ownersSeat_.sleep();
      // It may as well have waited for a device.
      busy = waited(thread_) - before > (Clock::now() - late) / 2;
    }
    const Clock::time_point now = Clock::now();
    if (busy) busyUntil.store((now + kPause * (now - asked)).time_since_epoch().count(), std::memory_order_relaxed);
    return begun;
  }

  void end() {
    state_.store(State::ended);
    seat_.wake();
  }

 private:
  enum class State { none, offered, begun, ended };

  void live() {
    doesAside = true;
    thread_ = gettid();
    for (;;) {
      seat_.sleep();
      State offered = State::offered;
      if (!state_.compare_exchange_strong(offered, State::begun)) {
        if (offered == State::ended) return;
        continue;
      }
      (*work_)();
      state_.store(State::none);
      ownersSeat_.wake();
    }
  }

  std::atomic<State> state_{State::none};
  std::atomic<pid_t> thread_{0};
  const std::function<void()>* work_ = nullptr;
  Seat seat_, ownersSeat_;
};

// As long as the thread lives that it works for.
struct Owned {
  std::shared_ptr<Companion> companion;
  ~Owned() {
    if (companion) companion->end();
  }
};

}  // namespace

void aside(const std::function<void()>& work) {
  thread_local Owned own;
  if (!own.companion) own.companion = Companion::start();
  if (!own.companion || !own.companion->run(work)) work();
}

bool isAside() { return doesAside; }

}  // namespace nofault
