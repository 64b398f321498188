// What becomes of a thread that wakes another, as an event loop does: how long it loses its processor to that one, and
// what stepping back costs a thread where processors are busy; and how long who has slept waits for a processor that
// another one computes on. All on one processor, so that nobody can go elsewhere; and then, where there are more, where
// a thread begins that is woken while another processor has nothing to do.
#include <linux/futex.h>
#include <sched.h>

#include "measure.h"
#include "processors.h"
#include "topics.h"

enum { ROUNDS = 400, WORK_US = 2000, BEFORE_US = 1500, STRETCH_US = 50 };

static _Atomic uint32_t seat;
static _Atomic bool ended;

static void await_waking(void) {
  while (seat == 0 && !ended) syscall(SYS_futex, &seat, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
  seat = 0;
}

static void wake(void) {
  seat = 1;
  syscall(SYS_futex, &seat, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void* work_when_woken(void* policy) {
  use_policy(*(const int*)policy);
  while (!ended) {
    await_waking();
    if (!ended) keep_busy(WORK_US);
  }
  return NULL;
}

// What a stretch of work of the waker takes, of which 95 in 100 take no longer.
static double stretch_after_waking(int policy) {
  static double took[ROUNDS];
  pthread_t thread;
  ended = false;
  seat = 0;
  must(pthread_create(&thread, NULL, work_when_woken, &policy) == 0, "pthread_create");
  const int rounds = quick ? ROUNDS / 4 : ROUNDS;
  for (int i = 0; i < rounds; i++) {
    // The other one has long been done, and both have slept; this one has worked for a while, as a loop has.
    sleep_us(2 * WORK_US);
    keep_busy(BEFORE_US);
    const double start = now_us();
    wake();
    keep_busy(STRETCH_US);
    took[i] = now_us() - start;
  }
  ended = true;
  wake();
  pthread_join(thread, NULL);
  return percentile(took, (size_t)rounds, 95);
}

enum stepping { NEVER, ALWAYS, BOUNDED };

struct busy {
  enum stepping stepping;
  double work;  // us that it got
};

static void* hog(void* nothing) {
  while (!ended) keep_busy(100);
  return nothing;
}

// In pieces of a tenth of a millisecond.
static void* work_in_pieces(void* argument) {
  struct busy* busy = argument;
  double next = 0;
  while (!ended) {
    const double before = now_us();
    if (busy->stepping == ALWAYS || (busy->stepping == BOUNDED && before >= next)) {
      sched_yield();
      const double after = now_us();
      if (after - before >= 500) next = after + 4 * (after - before);
    }
    work_for(100);
    busy->work += 100;
  }
  return NULL;
}

static double share_beside_a_hog(enum stepping stepping) {
  struct busy busy = {.stepping = stepping};
  pthread_t threads[2];
  ended = false;
  const double start = now_us();
  must(pthread_create(&threads[0], NULL, hog, NULL) == 0, "pthread_create");
  must(pthread_create(&threads[1], NULL, work_in_pieces, &busy) == 0, "pthread_create");
  sleep_us(quick ? 500000 : 2000000);
  ended = true;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return 100 * busy.work / (now_us() - start);
}

static void* compute(void* slice) {
  use_slice(SCHED_BATCH, *(const uint64_t*)slice);
  return hog(NULL);
}

// How late a thread is that sleeps for a millisecond and then works for 0.3 ms, beside two that compute; 95 of 100
// times it is no later.
static double late_beside(uint64_t slice) {
  static double late[ROUNDS];
  pthread_t threads[2];
  ended = false;
  for (int i = 0; i < 2; i++) must(pthread_create(&threads[i], NULL, compute, &slice) == 0, "pthread_create");
  const int rounds = quick ? ROUNDS / 4 : ROUNDS;
  for (int i = 0; i < rounds; i++) {
    const double start = now_us();
    sleep_us(1000);
    late[i] = now_us() - start - 1000;
    keep_busy(300);
  }
  ended = true;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  return percentile(late, (size_t)rounds, 95);
}

static _Atomic double began;
static _Atomic int began_on;
static _Atomic pid_t sleeper;

static void* say_where(void* everywhere) {
  sleeper = (pid_t)syscall(SYS_gettid);
  while (!ended) {
    await_waking();
    began_on = sched_getcpu();
    began = now_us();
    must(sched_setaffinity(0, sizeof(cpu_set_t), everywhere) == 0, "sched_setaffinity");
    if (!ended) keep_busy(WORK_US);
  }
  return NULL;
}

struct beginnings {
  double late, here;  // us, half of them at most; percent that began on their waker's processor
};

// Who wakes it works on for 2 ms. `elsewhere`: after having told the kernel that it is not to begin on this processor.
static struct beginnings begin_beside(bool elsewhere, cpu_set_t* all) {
  static double late[ROUNDS];
  pthread_t thread;
  ended = false;
  seat = 0;
  sleeper = 0;
  must(pthread_create(&thread, NULL, say_where, all) == 0, "pthread_create");
  while (sleeper == 0) sleep_us(100);
  const int rounds = quick ? ROUNDS / 4 : ROUNDS;
  int here = 0;
  for (int i = 0; i < rounds; i++) {
    sleep_us(10 * WORK_US);
    if (elsewhere) {
      cpu_set_t others = *all;
      CPU_CLR(sched_getcpu(), &others);
      must(sched_setaffinity(sleeper, sizeof others, &others) == 0, "sched_setaffinity");
    }
    began = 0;
    const double start = now_us();
    wake();
    const int on = sched_getcpu();
    keep_busy(WORK_US);
    while (began == 0) sleep_us(100);
    late[i] = began - start;
    here += began_on == on;
  }
  ended = true;
  wake();
  pthread_join(thread, NULL);
  return (struct beginnings){percentile(late, (size_t)rounds, 50), 100.0 * here / rounds};
}

static void beginnings(cpu_set_t* all) {
  if (CPU_COUNT(all) < 2) {
    narrate("one processor: nobody can be woken on another");
    return;
  }
  for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
    double late[16], here[16];
    for (int run = 0; run < repeats; run++) {
      const struct beginnings found = begin_beside(elsewhere, all);
      late[run] = found.late;
      here[run] = found.here;
    }
    const char* how = elsewhere ? "kept from its waker's processor" : "left to the kernel";
    fact("waking", "us", spread_of(late, (size_t)repeats),
         "until a thread begins whose waker works on, another processor being idle, %s: half of them", how);
    fact("waking", "%", spread_of(here, (size_t)repeats), "of such threads begin on their waker's processor, %s", how);
  }
}

void measure_waking(void) {
  static const struct {
    const char* name;
    int policy;
  } policies[] = {{"SCHED_OTHER", SCHED_OTHER}, {"SCHED_BATCH", SCHED_BATCH}};
  static const char* const ways[] = {"never", "before each", "before each, but not again for four times what it took"};
  cpu_set_t all = use_one_processor();
  for (int i = 0; i < 2; i++) {
    double values[16];
    for (int run = 0; run < repeats; run++) values[run] = stretch_after_waking(policies[i].policy);
    fact("waking", "us", spread_of(values, (size_t)repeats),
         "50 us of work by who wakes a thread for 2 ms of work, %s: 95 of 100 take at most", policies[i].name);
  }
  static const uint64_t slices[] = {0, 3, 20, 100};
  for (int i = 0; i < 4; i++) {
    double values[16];
    for (int run = 0; run < repeats; run++) values[run] = late_beside(slices[i] * 1000000);
    fact("waking", "us", spread_of(values, (size_t)repeats),
         "late after a sleep of 1 ms and 0.3 ms of work, beside two threads that compute, with a slice of %d ms (0: "
         "the kernel's own): 95 of 100 at most",
         (int)slices[i]);
  }
  for (int way = NEVER; way <= BOUNDED; way++) {
    double values[16];
    for (int run = 0; run < repeats; run++) values[run] = share_beside_a_hog(way);
    fact("waking", "%", spread_of(values, (size_t)repeats),
         "of a processor for work in pieces of 0.1 ms beside a busy thread, sched_yield %s", ways[way]);
  }
  must(sched_setaffinity(0, sizeof all, &all) == 0, "sched_setaffinity");
  beginnings(&all);
}
