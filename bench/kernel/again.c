// What it costs to ask again about many pages that were resident a moment ago, and to survive a bad touch.
#include <signal.h>

#include "questions.h"
#include "topics.h"

enum { HOT = 16384, CALL = 1024, FAULTS = 1000 };

static void report(double* us, double per, const char* unit, const char* name, const char* kind) {
  for (int r = 0; r < repeats; r++) us[r] /= per;
  fact("again", unit, spread_of(us, repeats), "%s%s%s", name, *kind ? ", " : "", kind);
}

static void touch(const unsigned char* address) { *(const volatile unsigned char*)address; }

static void scattered(struct file* file, const char* kind) {
  size_t* pages = random_pages(HOT, file->pages);
  sort_pages(pages, HOT);
  static void* addresses[HOT];
  static int status[HOT];
  static struct scan_region regions[4096];
  // A page that was asked for by itself comes by itself.
  for (size_t i = 0; i < HOT; i++) posix_fadvise(file->fd, pages[i] * PAGE, PAGE, POSIX_FADV_WILLNEED);
  for (size_t i = 0; i < HOT; i++) {
    addresses[i] = file->map + pages[i] * PAGE;
    touch(addresses[i]);
  }
  const int pagemap = open("/proc/self/pagemap", O_RDONLY);
  double us[16];
  unsigned char bit;
  for (int r = 0; r < repeats; r++) {
    const double from = now_us();
    for (size_t i = 0; i < HOT; i++) mincore(addresses[i], PAGE, &bit);
    us[r] = now_us() - from;
  }
  report(us, HOT, "us/page", "16,384 pages out of 1 GiB: mincore, a call each", kind);
  for (int r = 0; r < repeats; r++) {
    const double from = now_us();
    for (size_t i = 0; i < HOT; i += CALL) move_pages_query(CALL, addresses + i, status + i);
    us[r] = now_us() - from;
  }
  report(us, HOT, "us/page", "the same: move_pages, 1,024 a call", kind);
  for (int r = 0; r < repeats; r++) {
    const double from = now_us();
    // As a reader would: the next call goes on behind the last stretch of the one before.
    for (unsigned char *at = file->map, *end = file->map + file->bytes; at < end;) {
      const long found = scan_present(pagemap, at, end - at, regions, 4096);
      if (found < 4096) break;
      at = (unsigned char*)regions[found - 1].end;
    }
    us[r] = now_us() - from;
  }
  report(us, HOT, "us/page", "the same: PAGEMAP_SCAN over all of it", kind);
  close(pagemap);
  free(pages);
}

static void dense(struct file* file, const char* kind) {
  unsigned char* bits = malloc(file->pages);
  static struct scan_region regions[4096];
  const int pagemap = open("/proc/self/pagemap", O_RDONLY);
  map_all(file);
  double us[16];
  for (int r = 0; r < repeats; r++) {
    const double from = now_us();
    mincore(file->map, file->bytes, bits);
    us[r] = now_us() - from;
  }
  report(us, 1000, "ms", "1 GiB, all of it: mincore", kind);
  for (int r = 0; r < repeats; r++) {
    const double from = now_us();
    scan_present(pagemap, file->map, file->bytes, regions, 4096);
    us[r] = now_us() - from;
  }
  report(us, 1000, "ms", "the same: PAGEMAP_SCAN", kind);
  close(pagemap);
  free(bits);
}

static void on_fault(int signal, siginfo_t* info, void* context) {
  unsigned char* page = (unsigned char*)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));
  (void)context;
  if (signal == SIGBUS) {
    mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  } else {
    unsigned char saved[PAGE];
    memcpy(saved, page, PAGE);
    mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(page, saved, PAGE);
  }
}

static size_t mappings(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  size_t lines = 0;
  for (int c; (c = fgetc(maps)) != EOF;) lines += c == '\n';
  fclose(maps);
  return lines;
}

static void bad_touches(struct file* file) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, before[2];
  sigaction(SIGBUS, &action, &before[0]);
  sigaction(SIGSEGV, &action, &before[1]);
  for (int stride = 1; stride <= 2; stride++) {
    unsigned char* map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->fd, 0);
    must(map != MAP_FAILED, "mmap");
    for (int i = 0; i < FAULTS; i++) touch(map + (size_t)i * stride * PAGE);
    const size_t had = mappings();
    const double from = now_us();
    for (int i = 0; i < FAULTS; i++) map[(size_t)i * stride * PAGE] = 1;
    fact_one("again", "us", (now_us() - from) / FAULTS, "a write into a read-only page, handled by a copy, %s",
             stride == 1 ? "neighbours" : "every second page");
    fact_one("again", "mappings", (double)(mappings() - had), "more after 1,000 of them");
    munmap(map, file->bytes);
  }
  unsigned char* map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, file->fd, 0);
  must(map != MAP_FAILED && ftruncate(file->fd, 0) == 0, "a mapped file is truncated");
  const double from = now_us();
  for (int i = 0; i < FAULTS; i++) must(map[(size_t)i * PAGE] == 0, "a page behind the end reads as zeros");
  fact_one("again", "us", (now_us() - from) / FAULTS, "a touch behind the end, handled by a page of zeros");
  munmap(map, file->bytes);
  sigaction(SIGBUS, &before[0], NULL);
  sigaction(SIGSEGV, &before[1], NULL);
}

// How far out a page can be mapped that surely is not resident, and what mincore says of it.
static void canary(struct file* file) {
  for (int power = 62; power >= 30; power--) {
    void* at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file->fd, (off_t)(1ull << power) - PAGE);
    if (at == MAP_FAILED) continue;
    unsigned char bit = 255;
    mincore(at, PAGE, &bit);
    fact_one("again", "power", power, "the farthest page that can be mapped lies just below 2 to the");
    fact_one("again", "", bit & 1, "mincore of it, as the file's owner");
    munmap(at, PAGE);
    return;
  }
}

void measure_again(void) {
  struct file file = make_file("again", (size_t)1 << 30);
  fill_large_folios(&file);
  dense(&file, "large folios");
  scattered(&file, "all of it mapped, large folios");
  evict(&file);
  fill_small_folios(&file);
  dense(&file, "4 KiB folios");
  evict(&file);
  scattered(&file, "the rest not mapped, 4 KiB folios");
  canary(&file);
  bad_touches(&file);
  remove_file(&file);
}
