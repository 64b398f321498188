#include "processors.h"

#include "measure.h"

void keep_busy(double us) {
  for (double start = now_us(); now_us() - start < us;) {
  }
}

void work_for(double us) {
  struct timespec start, now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
  do {
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - start.tv_sec) * 1e6 + (now.tv_nsec - start.tv_nsec) / 1e3 < us);
}

void use_policy(int policy) {
  struct sched_param none = {0};
  must(sched_setscheduler(0, policy, &none) == 0, "sched_setscheduler");
}

// As of sched_setattr(2); glibc has no name for it.
void use_slice(int policy, uint64_t slice) {
  const bool idle = policy == SCHED_IDLE;
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes = {.size = sizeof attributes, .policy = idle ? SCHED_BATCH : (uint32_t)policy, .runtime = slice};
  must(syscall(SYS_sched_setattr, 0, &attributes, 0) == 0, "sched_setattr");
  if (idle) use_policy(SCHED_IDLE);
}

cpu_set_t use_one_processor(void) {
  cpu_set_t all, one;
  must(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; i++)
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  must(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
  return all;
}
