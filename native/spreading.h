// Threads that compute at the same time belong on different processors. The kernel may leave one that is woken on its
// waker's until the next tick, though another has nothing to do: in a virtual machine a processor that sleeps looks
// taken (docs/kernel.md).
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>

namespace nofault {

// Of threads that have a number each.
class Spreading {
 public:
  static constexpr size_t kMost = 256;

  // The calling thread has this number now.
  void join(size_t number);
  // It sets about computing: where another one does so on the same processor, it goes to one on which none does, if
  // there is one that it may use.
  void begin(size_t number);
  // It computes no longer.
  void end(size_t number);

  // The calling thread is about to wake that one: where it computes itself, and will go on, that one is to begin
  // elsewhere.
  void send(size_t number);
  // That one has been woken, and may be anywhere again.
  void arrive(size_t number);

 private:
  static constexpr int kNowhere = 0;  // else a processor's number and 1

  // Removes the processors on which somebody computes. False when none is left.
  bool leaveFree(cpu_set_t& processors) const;

  std::array<std::atomic<int>, kMost> places_{};
  std::array<pid_t, kMost> threads_{};
  // Of those that have been sent: where each may be.
  std::array<cpu_set_t, kMost> everywhere_{};
  std::array<std::atomic<bool>, kMost> sent_{};
};

}  // namespace nofault
