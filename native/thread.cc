#include "thread.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <climits>
#include <cstddef>

namespace nofault {

namespace {

constexpr size_t kStack = size_t{256} << 10;

}  // namespace

bool startThread(const char* name, void* (*main)(void*), void* argument) {
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
  const bool started = pthread_create(&thread, &attributes, main, argument) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (started) pthread_setname_np(thread, name);
  return started;
}

}  // namespace nofault
