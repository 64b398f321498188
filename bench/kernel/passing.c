// What it costs to look once at some pages that are in memory and not mapped, and to leave them no more used than they
// were: mapped, and made cold again, or copied; while another thread of the process has a processor, and while none
// has.
#include "measure.h"
#include "topics.h"

enum { RUN = 3, RUNS = 4096, WANTED = 8192 };

static volatile bool ended;

static void* compute(void* unused) {
  while (!ended) continue;
  return unused;
}

static void look_at(const unsigned char* bytes) {
  for (size_t at = 0; at < WANTED; at += 64) (void)*(const volatile unsigned char*)(bytes + at);
}

static void one_of_each(struct file* file, const char* beside) {
  const size_t stride = file->pages / RUNS * PAGE;
  static unsigned char bytes[WANTED];
  double populate[16], look[16], cold[16], copy[16];
  for (int r = 0; r < repeats; r++) {
    must(madvise(file->map, file->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    double from = now_us();
    for (size_t i = 0; i < RUNS; i++)
      must(madvise(file->map + i * stride, RUN * PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    populate[r] = (now_us() - from) / RUNS;
    from = now_us();
    for (size_t i = 0; i < RUNS; i++) look_at(file->map + i * stride + 100);
    look[r] = (now_us() - from) / RUNS;
    from = now_us();
    for (size_t i = 0; i < RUNS; i++) must(madvise(file->map + i * stride, RUN * PAGE, MADV_COLD) == 0, "MADV_COLD");
    cold[r] = (now_us() - from) / RUNS;
    from = now_us();
    for (size_t i = 0; i < RUNS; i++) {
      must(pread(file->fd, bytes, WANTED, i * stride + 100) == WANTED, "pread");
      look_at(bytes);
    }
    copy[r] = (now_us() - from) / RUNS;
  }
  fact("passing", "us/run", spread_of(populate, repeats), "3 pages: MADV_POPULATE_READ, %s", beside);
  fact("passing", "us/run", spread_of(look, repeats), "a byte of each line of 8 KiB in them, %s", beside);
  fact("passing", "us/run", spread_of(cold, repeats), "MADV_COLD, %s", beside);
  fact("passing", "us/run", spread_of(copy, repeats), "pread of the 8 KiB, and a byte of each line, %s", beside);
}

void measure_passing(void) {
  struct file file = make_file("passing", 256ul * MIB);
  fill_small_folios(&file);
  one_of_each(&file, "no other thread of the process");
  pthread_t other;
  ended = false;
  pthread_create(&other, NULL, compute, NULL);
  one_of_each(&file, "beside one that computes");
  ended = true;
  pthread_join(other, NULL);
  remove_file(&file);
}
