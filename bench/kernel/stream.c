// Sequential reads, and what a single missing page waits for while they run: how deep a scan may go beside somebody who
// waits.
#include <stdatomic.h>

#include "measure.h"
#include "topics.h"

struct stream {
  pthread_t thread;
  struct file* file;
  size_t chunk, outstanding;  // bytes
  size_t first, last;         // bytes: the part of the file that is read
  _Atomic bool ended;
  _Atomic size_t read;  // bytes
  bool idle;
  double mb_per_second;
};

// The priority that ioprio_set(2) gives this thread's requests: behind everybody's, where the device's scheduler knows
// priorities (mq-deadline, bfq).
static void be_idle(void) {
  enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_IDLE = 3, IOPRIO_CLASS_SHIFT = 13 };
  must(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT) == 0, "ioprio_set");
}

static void* run_stream(void* argument) {
  struct stream* s = argument;
  size_t ahead = s->outstanding;
  if (s->idle) be_idle();
  double from = now_us();
  for (size_t at = s->first; at < s->last + ahead && !s->ended; at += s->chunk) {
    if (at < s->last) must(madvise(s->file->map + at, s->chunk, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    if (at < s->first + ahead) continue;
    must(madvise(s->file->map + at - ahead, s->chunk, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    s->read += s->chunk;
  }
  s->mb_per_second = s->read / (now_us() - from);
  s->ended = true;
  return NULL;
}

static double mb_per_second(struct file* file, int threads, size_t chunk, size_t outstanding, size_t bytes) {
  evict(file);
  struct stream streams[4];
  size_t part = bytes / threads;
  double from = now_us();
  for (int t = 0; t < threads; t++) {
    streams[t] = (struct stream){
        .file = file, .chunk = chunk, .outstanding = outstanding / threads, .first = t * part, .last = (t + 1) * part};
    pthread_create(&streams[t].thread, NULL, run_stream, &streams[t]);
  }
  for (int t = 0; t < threads; t++) pthread_join(streams[t].thread, NULL);
  return bytes / (now_us() - from);
}

static void throughput(struct file* file, int threads, size_t chunk, size_t outstanding) {
  double mb[16];
  level_what_lies_below(file);
  for (int r = 0; r < repeats; r++)
    mb[r] = mb_per_second(file, threads, chunk, outstanding, (quick ? 512ul : 1024ul) * MIB);
  fact("stream", "MB/s", spread_of(mb, repeats), "sequential, chunks of %zu KiB, %zu KiB outstanding, %d thread%s",
       chunk / KIB, outstanding / KIB, threads, threads > 1 ? "s" : "");
}

// One missing page at a time, each after a pause so that the reader itself makes no load, for as long as the scan runs
// or `seconds`.
static size_t single_reads(struct file* file, const size_t* pages, size_t count, double* us, double seconds,
                           const _Atomic bool* ended) {
  double end = now_us() + seconds * 1e6;
  size_t done = 0;
  while (done < count && now_us() < end) {
    sleep_us(300 + noise() % 400);
    double from = now_us();
    must(madvise(file->map + pages[done] * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    must(madvise(file->map + pages[done] * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    us[done] = now_us() - from;
    if (*ended) break;
    done++;
  }
  return done;
}

static void latency(struct file* single, struct file* scanned, size_t chunk, size_t outstanding, bool idle) {
  enum { MOST = 8000, ENOUGH = 200 };
  double p50[16], p99[16], most[16], mb[16];
  double* us = malloc(sizeof *us * MOST);
  level_what_lies_below(single);
  level_what_lies_below(scanned);
  for (int r = 0; r < repeats; r++) {
    size_t* pages = random_pages(MOST, single->pages);
    size_t count = 0, read = 0;
    double scanning = 0;
    // A scan that is soon through leaves too few samples for a percentile, so it starts again.
    for (int scan = 0; scan < 8 && count < ENOUGH; scan++) {
      evict(single);
      evict(scanned);
      struct stream s = {
          .file = scanned, .chunk = chunk, .outstanding = outstanding, .last = scanned->bytes, .idle = idle};
      if (outstanding) pthread_create(&s.thread, NULL, run_stream, &s);
      sleep_us(50000);
      count += single_reads(single, pages + count, MOST - count, us + count, quick ? 1 : 2.5, &s.ended);
      s.ended = true;
      if (outstanding) pthread_join(s.thread, NULL);
      read += s.read, scanning += s.read ? s.read / s.mb_per_second : 0;
    }
    errno = 0;
    must(count >= ENOUGH, "enough single reads beside a scan");
    mb[r] = outstanding ? read / scanning : 0;
    p50[r] = percentile(us, count, 50), p99[r] = percentile(us, count, 99), most[r] = percentile(us, count, 100);
    free(pages);
  }
  free(us);
  char beside[96];
  if (outstanding) {
    snprintf(beside, sizeof beside, "beside a scan of %zu KiB chunks, %zu KiB outstanding%s", chunk / KIB,
             outstanding / KIB, idle ? ", idle class" : "");
  } else {
    snprintf(beside, sizeof beside, "alone");
  }
  fact("stream", "us", spread_of(p50, repeats), "one missing page %s: p50", beside);
  fact("stream", "us", spread_of(p99, repeats), "one missing page %s: p99", beside);
  fact("stream", "us", spread_of(most, repeats), "one missing page %s: longest", beside);
  if (outstanding)
    fact("stream", "MB/s", spread_of(mb, repeats), "that scan meanwhile, %zu KiB chunks, %zu KiB outstanding%s",
         chunk / KIB, outstanding / KIB, idle ? ", idle class" : "");
}

void measure_stream(void) {
  struct file single = make_file("single", 512ul * MIB);
  struct file scanned = make_file("scanned", (quick ? 2048ul : 4096ul) * MIB);
  latency(&single, &scanned, 0, 0, false);
  for (int idle = 0; idle < 2; idle++) {
    for (size_t kib = 128; kib <= 8192; kib *= 4) latency(&single, &scanned, 128 * KIB, kib * KIB, idle);
    for (size_t kib = 2048; kib <= 8192; kib *= 4) latency(&single, &scanned, 1 * MIB, kib * KIB, idle);
    for (size_t pages = 16; pages <= 256; pages *= 4) latency(&single, &scanned, PAGE, pages * PAGE, idle);
  }
  for (int threads = 1; threads <= 2; threads++) {
    for (size_t kib = 128; kib <= 8192; kib *= 4) throughput(&scanned, threads, 128 * KIB / threads, kib * KIB);
    for (size_t kib = 2048; kib <= 32768; kib *= 4) throughput(&scanned, threads, 1 * MIB, kib * KIB);
  }
  remove_file(&single);
  remove_file(&scanned);
}
