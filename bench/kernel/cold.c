// What it costs to bring scattered missing pages in, by each way that the kernel offers.
#include "measure.h"
#include "topics.h"

struct share {
  pthread_t thread;
  struct file* file;
  const size_t* pages;
  size_t count;
  void (*bring)(struct share*);
};

static void* run_share(void* share) {
  ((struct share*)share)->bring(share);
  return NULL;
}

static void will_need(struct file* file, size_t page) {
  must(madvise(file->map + page * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
}

static void populate(struct file* file, size_t page) {
  must(madvise(file->map + page * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
}

static void by_touch(struct share* s) {
  for (size_t i = 0; i < s->count; i++) must(holds_own_number(s->file, s->pages[i]), "the page's own number");
}

static void by_populate(struct share* s) {
  for (size_t i = 0; i < s->count; i++) populate(s->file, s->pages[i]);
}

static void by_pread(struct share* s) {
  char block[PAGE];
  for (size_t i = 0; i < s->count; i++) must(pread(s->file->fd, block, PAGE, s->pages[i] * PAGE) == PAGE, "pread");
}

static void by_will_need(struct share* s) {
  for (size_t i = 0; i < s->count; i++) will_need(s->file, s->pages[i]);
  by_populate(s);
}

static void by_fadvise(struct share* s) {
  for (size_t i = 0; i < s->count; i++) posix_fadvise(s->file->fd, s->pages[i] * PAGE, PAGE, POSIX_FADV_WILLNEED);
  by_populate(s);
}

static void by_readahead(struct share* s) {
  for (size_t i = 0; i < s->count; i++) must(readahead(s->file->fd, s->pages[i] * PAGE, PAGE) == 0, "readahead");
  by_populate(s);
}

static void by_vector(struct share* s) {
  static int pidfd = -1;
  if (pidfd < 0) pidfd = syscall(SYS_pidfd_open, getpid(), 0);
  struct iovec ranges[500];
  for (size_t i = 0; i < s->count;) {
    size_t n = 0;
    for (; n < 500 && i + n < s->count; n++) ranges[n] = (struct iovec){s->file->map + s->pages[i + n] * PAGE, PAGE};
    must(syscall(SYS_process_madvise, pidfd, ranges, n, MADV_WILLNEED, 0) == (ssize_t)(n * PAGE), "process_madvise");
    i += n;
  }
  by_populate(s);
}

// Keeps `depth` pages requested ahead of the one that it waits for.
static size_t depth;
static void by_depth(struct share* s) {
  for (size_t i = 0; i < s->count + depth; i++) {
    if (i < s->count) will_need(s->file, s->pages[i]);
    if (i >= depth) populate(s->file, s->pages[i - depth]);
  }
}

static double bring(struct file* file, int advice, size_t count, int threads, bool ascending,
                    void (*how)(struct share*)) {
  evict(file);
  must(madvise(file->map, file->bytes, advice) == 0, "madvise");
  posix_fadvise(file->fd, 0, 0, advice == MADV_RANDOM ? POSIX_FADV_RANDOM : POSIX_FADV_NORMAL);
  size_t* pages = random_pages(count, file->pages);
  if (ascending) sort_pages(pages, count);
  struct share shares[256];
  double from = now_us();
  for (int t = 0; t < threads; t++) {
    size_t first = count * t / threads;
    shares[t] = (struct share){0, file, pages + first, count * (t + 1) / threads - first, how};
    pthread_create(&shares[t].thread, NULL, run_share, &shares[t]);
  }
  for (int t = 0; t < threads; t++) pthread_join(shares[t].thread, NULL);
  double us = (now_us() - from) / count;
  for (size_t i = 0; i < count; i++) must(holds_own_number(file, pages[i]), "the page's own number");
  free(pages);
  return us;
}

static void each(struct file* file, int advice, size_t count, int threads, bool ascending, void (*how)(struct share*),
                 const char* name) {
  double us[16];
  level_what_lies_below(file);
  for (int r = 0; r < repeats; r++) us[r] = bring(file, advice, count, threads, ascending, how);
  fact("cold", "us/page", spread_of(us, repeats), "%s", name);
}

// What one WILLNEED costs the thread that makes it, when `count` of them follow each other at once.
static void cost_of_the_call(struct file* file, size_t count) {
  double p50[16], p90[16], p99[16], most[16], over[16];
  double* us = malloc(count * sizeof *us);
  level_what_lies_below(file);
  for (int r = 0; r < repeats; r++) {
    evict(file);
    size_t* pages = random_pages(count, file->pages);
    size_t stalls = 0;
    for (size_t i = 0; i < count; i++) {
      double from = now_us();
      will_need(file, pages[i]);
      us[i] = now_us() - from;
      stalls += us[i] > 200;
    }
    p50[r] = percentile(us, count, 50), p90[r] = percentile(us, count, 90), p99[r] = percentile(us, count, 99);
    most[r] = percentile(us, count, 100), over[r] = stalls;
    for (size_t i = 0; i < count; i++) populate(file, pages[i]);
    free(pages);
  }
  free(us);
  fact("cold", "us", spread_of(p50, repeats), "WILLNEED call, %zu in a row: p50", count);
  fact("cold", "us", spread_of(p90, repeats), "WILLNEED call, %zu in a row: p90", count);
  fact("cold", "us", spread_of(p99, repeats), "WILLNEED call, %zu in a row: p99", count);
  fact("cold", "us", spread_of(most, repeats), "WILLNEED call, %zu in a row: longest", count);
  fact("cold", "calls", spread_of(over, repeats), "WILLNEED call, %zu in a row: calls over 200 us", count);
}

void measure_cold(void) {
  struct file file = make_file("cold", 2048ul * MIB);
  size_t n = quick ? 1000 : 5000;
  each(&file, MADV_NORMAL, n, 1, false, by_will_need, "WILLNEED on all, then POPULATE_READ, 1 thread");
  each(&file, MADV_NORMAL, n, 2, false, by_will_need, "WILLNEED on all, then POPULATE_READ, 2 threads");
  each(&file, MADV_NORMAL, n, 4, false, by_will_need, "WILLNEED on all, then POPULATE_READ, 4 threads");
  each(&file, MADV_NORMAL, n, 1, true, by_will_need, "the same ascending, 1 thread");
  each(&file, MADV_NORMAL, n, 2, true, by_will_need, "the same ascending, 2 threads");
  each(&file, MADV_NORMAL, n, 1, false, by_vector,
       "process_madvise(WILLNEED), 500 ranges a call, then POPULATE_READ, 1 thread");
  each(&file, MADV_NORMAL, n, 2, false, by_vector,
       "process_madvise(WILLNEED), 500 ranges a call, then POPULATE_READ, 2 threads");
  each(&file, MADV_NORMAL, n, 1, false, by_fadvise, "posix_fadvise(WILLNEED), then POPULATE_READ, 1 thread");
  each(&file, MADV_NORMAL, n, 1, false, by_readahead, "readahead(2), then POPULATE_READ, 1 thread");
  each(&file, MADV_RANDOM, n / 2, 1, false, by_touch, "fault, one at a time, MADV_RANDOM");
  each(&file, MADV_RANDOM, n / 2, 1, false, by_pread, "pread 4 KiB, POSIX_FADV_RANDOM, 1 thread");
  each(&file, MADV_RANDOM, n, 4, false, by_pread, "pread 4 KiB, POSIX_FADV_RANDOM, 4 threads");
  each(&file, MADV_RANDOM, n, 16, false, by_pread, "pread 4 KiB, POSIX_FADV_RANDOM, 16 threads");
  each(&file, MADV_RANDOM, n, 64, false, by_pread, "pread 4 KiB, POSIX_FADV_RANDOM, 64 threads");
  for (depth = 1; depth <= 1024; depth *= depth < 64 ? 2 : 4) {
    char name[64];
    snprintf(name, sizeof name, "WILLNEED kept %zu pages ahead of POPULATE_READ, 1 thread", depth);
    each(&file, MADV_NORMAL, n, 1, false, by_depth, name);
  }
  depth = 32;
  each(&file, MADV_NORMAL, n, 2, false, by_depth, "WILLNEED kept 32 pages ahead of POPULATE_READ, 2 threads");
  depth = 64;
  each(&file, MADV_NORMAL, n, 1, true, by_depth, "WILLNEED kept 64 pages ahead of POPULATE_READ, ascending, 1 thread");
  cost_of_the_call(&file, 64);
  cost_of_the_call(&file, 256);
  cost_of_the_call(&file, n);
  remove_file(&file);
}
