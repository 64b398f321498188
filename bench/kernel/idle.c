// What SCHED_IDLE is worth to who wakes up beside threads that compute, and what it costs these where processors are
// busy.
#include <sched.h>

#include "measure.h"
#include "processors.h"
#include "topics.h"

enum {
  ROUNDS = 2000,
  PIECES = 30,
  PIECE_US = 100,
  WORK_US = 300,
  READERS = 4,
  BURST_US = 4000,
  LONG_SLICE = 20000000,
  SHORT_SLICE = 100000
};

static _Atomic bool ended;

static void* compute(void* policy) {
  use_slice(*(const int*)policy, *(const int*)policy == SCHED_IDLE ? 0 : LONG_SLICE);
  while (!ended) keep_busy(PIECE_US);
  return NULL;
}

static void* read_and_wait(void* policy) {
  const bool idle = *(const int*)policy == SCHED_IDLE;
  use_slice(idle ? SCHED_IDLE : SCHED_OTHER, idle ? 0 : LONG_SLICE);
  while (!ended) {
    keep_busy(PIECE_US);
    sleep_us(PIECE_US);
  }
  return NULL;
}

// As V8's threads do.
static void* burst(void* nothing) {
  while (!ended) {
    keep_busy(BURST_US);
    sleep_us(2 * BURST_US);
  }
  return nothing;
}

static void* hog(void* nothing) {
  while (!ended) keep_busy(PIECE_US);
  return nothing;
}

// How late a thread is that sleeps for a millisecond and then works for 0.3 ms, or for 3 ms, beside one that has
// bursts, some that read, and as many that compute as there are processors; 99 of 100 times it is no later.
static double late_beside(int policy, int processors) {
  static double late[ROUNDS];
  pthread_t threads[64 + READERS + 1];
  ended = false;
  for (int i = 0; i < processors; i++) must(pthread_create(&threads[i], NULL, compute, &policy) == 0, "pthread_create");
  for (int i = 0; i < READERS; i++)
    must(pthread_create(&threads[processors + i], NULL, read_and_wait, &policy) == 0, "pthread_create");
  must(pthread_create(&threads[processors + READERS], NULL, burst, NULL) == 0, "pthread_create");
  const int rounds = quick ? ROUNDS / 4 : ROUNDS;
  for (int i = 0; i < rounds; i++) {
    const double start = now_us();
    sleep_us(1000);
    late[i] = now_us() - start - 1000;
    keep_busy(i % 20 == 0 ? 10 * WORK_US : WORK_US);
  }
  ended = true;
  for (int i = 0; i <= processors + READERS; i++) pthread_join(threads[i], NULL);
  return percentile(late, (size_t)rounds, 99);
}

static void* work_now_and_then(void* argument) {
  double* took = argument;
  use_slice(SCHED_IDLE, (uint64_t)took[0]);
  for (int i = 0; i < PIECES; i++) {
    sleep_us(1000);
    const double start = now_us();
    work_for(2 * PIECE_US);
    took[i] = now_us() - start;
  }
  ended = true;
  return NULL;
}

// What 0.2 ms of work take a SCHED_IDLE thread beside one that always computes, on one processor: the most.
static double longest_beside_a_hog(uint64_t slice) {
  static double took[PIECES];
  took[0] = (double)slice;
  pthread_t threads[2];
  ended = false;
  must(pthread_create(&threads[0], NULL, hog, NULL) == 0, "pthread_create");
  must(pthread_create(&threads[1], NULL, work_now_and_then, took) == 0, "pthread_create");
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return percentile(took, PIECES, 100);
}

void measure_idle(void) {
  static const struct {
    const char* name;
    int policy;
  } policies[] = {{"slices of 20 ms", SCHED_BATCH}, {"SCHED_IDLE", SCHED_IDLE}};
  cpu_set_t all;
  must(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
  const int processors = CPU_COUNT(&all) < 64 ? CPU_COUNT(&all) : 64;
  double values[16];
  for (int i = 0; i < 2; i++) {
    for (int run = 0; run < repeats; run++) values[run] = late_beside(policies[i].policy, processors);
    fact("idle", "us", spread_of(values, (size_t)repeats),
         "late after a sleep of 1 ms, beside a thread of bursts, four that work and sleep for 0.1 ms, and one a "
         "processor that computes, of %s: 99 of 100 at most",
         policies[i].name);
  }
  use_one_processor();
  static const uint64_t slices[] = {0, SHORT_SLICE, LONG_SLICE};
  for (int i = 0; i < 3; i++) {
    for (int run = 0; run < repeats; run++) values[run] = longest_beside_a_hog(slices[i]);
    fact("idle", "us", spread_of(values, (size_t)repeats),
         "for 0.2 ms of work of a SCHED_IDLE thread beside one that always computes, with a slice of %.1f ms (0: the "
         "kernel's own): the most",
         (double)slices[i] / 1e6);
  }
  must(sched_setaffinity(0, sizeof all, &all) == 0, "sched_setaffinity");
}
