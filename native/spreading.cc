#include "spreading.h"

#include <unistd.h>

namespace nofault {

namespace {

// Whether the calling thread computes right now.
thread_local bool computes = false;

// More processors than fit in are left to the kernel.
bool allowed(pid_t thread, cpu_set_t& processors) {
  return sched_getaffinity(thread, sizeof processors, &processors) == 0;
}

bool allow(pid_t thread, const cpu_set_t& processors) {
  return sched_setaffinity(thread, sizeof processors, &processors) == 0;
}

}  // namespace

void Spreading::join(size_t number) {
  threads_[number] = gettid();
  sent_[number] = false;
}

void Spreading::begin(size_t number) {
  computes = true;
  const int here = sched_getcpu() + 1;
  // Of two that begin at once, one at least sees the other.
  places_[number] = here;
  bool shared = false;
  for (size_t i = 0; i < kMost; ++i) shared |= i != number && places_[i] == here;
  cpu_set_t everywhere;
  if (!shared || !allowed(0, everywhere)) return;
  cpu_set_t free = everywhere;
  if (!leaveFree(free) || !allow(0, free)) return;
  // It is there; from now on the kernel may take it elsewhere.
  allow(0, everywhere);
  places_[number] = sched_getcpu() + 1;
}

void Spreading::end(size_t number) {
  computes = false;
  places_[number] = kNowhere;
}

void Spreading::send(size_t number) {
  cpu_set_t& everywhere = everywhere_[number];
  if (!computes || !allowed(threads_[number], everywhere)) return;
  cpu_set_t free = everywhere;
  if (leaveFree(free)) sent_[number] = allow(threads_[number], free);
}

void Spreading::arrive(size_t number) {
  if (sent_[number].exchange(false)) allow(0, everywhere_[number]);
}

bool Spreading::leaveFree(cpu_set_t& processors) const {
  for (const auto& place : places_) {
    const int taken = place - 1;
    if (taken >= 0 && taken < CPU_SETSIZE) CPU_CLR(taken, &processors);
  }
  return CPU_COUNT(&processors) > 0;
}

}  // namespace nofault
