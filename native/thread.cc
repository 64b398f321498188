#include "thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <memory>

namespace nofault {

namespace {

constexpr size_t kStack = size_t{256} << 10;

// Whoever wakes up takes the processor at once from a thread with a longer slice, and waits for one with the same until
// that has had it: milliseconds (docs/kernel.md).
constexpr uint64_t kLongSlice = 20'000'000;  // ns

struct Beginning {
  Manner manner;
  void* (*main)(void*);
  void* argument;
};

// As of sched_setattr(2), which glibc has no name for. Kernels before 6.12 know no slices and take it nonetheless;
// where a sandbox refuses it, the thread is one like others.
void adopt(Manner manner) {
  // Whoever has given the whole process another policy knows why.
  const int policy = sched_getscheduler(0);
  if (policy != SCHED_OTHER && policy != SCHED_BATCH) return;
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = manner == Manner::yielding ? SCHED_BATCH : SCHED_OTHER;
  // 0: the kernel's own, and not that of whoever started it.
  attributes.runtime = manner == Manner::giving || manner == Manner::yielding ? kLongSlice : 0;
  attributes.nice = getpriority(PRIO_PROCESS, 0);
  syscall(SYS_sched_setattr, 0, &attributes, 0);
  if (manner != Manner::last) return;
  // By itself, for this keeps the slice as it is: with a long one it would go before others.
  constexpr sched_param kNone{};
  sched_setscheduler(0, SCHED_IDLE, &kNone);
}

void* begin(void* raw) {
  const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(raw));
  adopt(beginning->manner);
  return beginning->main(beginning->argument);
}

}  // namespace

bool startThread(const char* name, Manner manner, void* (*main)(void*), void* argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, std::max<size_t>(kStack, PTHREAD_STACK_MIN));
  sigset_t all, before;
  sigfillset(&all);
  // These two are the guard's: blocked, a bad touch would end the process.
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  auto beginning = std::make_unique<Beginning>(Beginning{manner, main, argument});
  const bool started = pthread_create(&thread, &attributes, begin, beginning.get()) == 0;
  if (started) static_cast<void>(beginning.release());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (started) pthread_setname_np(thread, name);
  return started;
}

}  // namespace nofault
