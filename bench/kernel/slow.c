// The same questions where a read takes 5 ms because the storage is far away: a FUSE server that sleeps 5 ms a read.
#include <sys/wait.h>

#include "questions.h"
#include "slow_server.h"
#include "topics.h"

enum { DELAY_US = 5000, SCATTERED = 64 };

static size_t settled(struct file* file) {
  size_t before = 0, quiet = 0;
  while (quiet < 10) {
    size_t now = resident_pages(file, 0, file->pages);
    quiet = now == before ? quiet + 1 : 0;
    before = now;
    sleep_us(5 * DELAY_US);
  }
  return before;
}

// Far enough apart that nothing is read for a neighbour.
static void scatter(struct file* file, size_t* pages) {
  for (size_t i = 0; i < SCATTERED; i++) pages[i] = file->pages / SCATTERED * i + noise() % 64;
}

static void how_far_one_hint_goes(struct file* file) {
  double pages[16];
  for (int r = 0; r < repeats; r++) {
    evict(file);
    must(madvise(file->map, 16 * MIB, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    pages[r] = settled(file);
  }
  fact("slow", "pages", spread_of(pages, repeats),
       "read by one WILLNEED over 4096 pages (FUSE, max_readahead 128 KiB)");
}

// A descriptor remembers its last read-ahead, and FUSE takes that memory for the hint's: with it hints are dropped when
// twelve are in flight, without it they wait.
static void what_hints_do(const char* path, size_t bytes, bool read_around_before) {
  double dropped[16], longest[16], seen[16];
  for (int r = 0; r < repeats; r++) {
    struct file file = {.bytes = bytes, .pages = bytes / PAGE, .fd = open(path, O_RDONLY)};
    file.map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file.fd, 0);
    must(file.fd >= 0 && file.map != MAP_FAILED, "map a file of the slow server");
    if (read_around_before) must(madvise(file.map + bytes / 2, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    evict(&file);
    size_t scattered[SCATTERED];
    scatter(&file, scattered);
    longest[r] = 0;
    for (int i = 0; i < SCATTERED; i++) {
      double from = now_us();
      must(madvise(file.map + scattered[i] * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
      double us = now_us() - from;
      if (us > longest[r]) longest[r] = us;
    }
    struct cachestat_answer answer;
    must(cachestat_of(file.fd, 0, 0, &answer) == 0, "cachestat");
    seen[r] = answer.cached;
    dropped[r] = SCATTERED - (double)settled(&file);
    munmap(file.map, bytes);
    close(file.fd);
  }
  const char* before = read_around_before ? "its descriptor has read around before" : "a new descriptor";
  fact("slow", "of 64", spread_of(dropped, repeats), "scattered pages that WILLNEED dropped, max_background 12, %s",
       before);
  fact("slow", "us", spread_of(longest, repeats), "the longest of those WILLNEED calls, %s", before);
  fact("slow", "of 64", spread_of(seen, repeats), "cachestat's count of cached pages right after those calls, %s",
       before);
}

struct share {
  pthread_t thread;
  struct file* file;
  size_t *pages, count;
  bool exact;
};

static void* bring(void* argument) {
  struct share* s = argument;
  char block[PAGE];
  for (size_t i = 0; i < s->count; i++) {
    if (s->exact) must(pread(s->file->fd, block, PAGE, s->pages[i] * PAGE) == PAGE, "pread");
    must(madvise(s->file->map + s->pages[i] * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
  }
  return NULL;
}

static void sixty_four(struct file* file, int threads, bool hint, bool exact) {
  double ms[16], read[16];
  for (int r = 0; r < repeats; r++) {
    evict(file);
    size_t pages[SCATTERED];
    scatter(file, pages);
    struct share shares[SCATTERED];
    double from = now_us();
    if (hint) {
      for (int i = 0; i < SCATTERED; i++)
        must(madvise(file->map + pages[i] * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    }
    for (int t = 0; t < threads; t++) {
      shares[t] = (struct share){0, file, pages + SCATTERED * t / threads, SCATTERED / threads, exact};
      pthread_create(&shares[t].thread, NULL, bring, &shares[t]);
    }
    for (int t = 0; t < threads; t++) pthread_join(shares[t].thread, NULL);
    ms[r] = (now_us() - from) / 1000;
    read[r] = settled(file);
  }
  fact("slow", "ms", spread_of(ms, repeats), "64 scattered pages at 5 ms a read, %s%s, %d thread%s",
       hint ? "WILLNEED, then " : "",
       exact  ? "pread"
       : hint ? "POPULATE_READ"
              : "POPULATE_READ through MADV_RANDOM",
       threads, threads > 1 ? "s" : "");
  fact("slow", "pages", spread_of(read, repeats), "... pages in memory afterwards");
}

static void a_run(struct file* file, int advice, const char* name) {
  double ms[16];
  must(madvise(file->map, file->bytes, advice) == 0, "madvise");
  for (int r = 0; r < repeats; r++) {
    evict(file);
    double from = now_us();
    must(madvise(file->map + file->bytes / 2, SCATTERED * PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    ms[r] = (now_us() - from) / 1000;
  }
  must(madvise(file->map, file->bytes, MADV_NORMAL) == 0, "madvise");
  fact("slow", "ms", spread_of(ms, repeats), "POPULATE_READ of a run of 64 missing pages at 5 ms a read, %s", name);
}

static void on_its_way(struct file* file, struct slow_control* control) {
  control->delay_us = 50000;
  evict(file);
  unsigned char* page = file->map + 777 * PAGE;
  must(madvise(page, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
  struct cachestat_answer answer;
  must(cachestat_of(file->fd, 777 * PAGE, PAGE, &answer) == 0, "cachestat");
  fact_one("slow", "bit", is_resident(file, 777), "mincore about a page that is being read in (50 ms)");
  fact_one("slow", "pages", answer.cached, "cachestat about a page that is being read in");
  struct waits before = thread_waits();
  double from = now_us();
  must(holds_own_number(file, 777), "the page's own number");
  double ms = (now_us() - from) / 1000;
  struct waits after = thread_waits();
  fact_one("slow", "ms", ms, "a touch of it waits");
  fact_one("slow", "faults", after.major - before.major, "... and counts as major faults");
  fact_one("slow", "faults", after.minor - before.minor, "... and counts as minor faults");
  fact_one("slow", "switches", after.voluntary - before.voluntary, "... and counts as voluntary context switches");
  struct iovec into = {(char[PAGE]){0}, PAGE};
  fact_one("slow", "errno", preadv2(file->fd, &into, 1, 0, RWF_NOWAIT) < 0 ? errno : 0, "preadv2(RWF_NOWAIT) on FUSE");
  control->delay_us = DELAY_US;
}

static int signal_of_touch(const unsigned char* address) {
  pid_t child = fork();
  if (child == 0) _exit(*(volatile const unsigned char*)address & 0);
  int status;
  must(waitpid(child, &status, 0) == child, "waitpid");
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_bad_page(struct file* file, struct slow_control* control) {
  enum { BAD = 1024 + 17, FIRST = 1024, CHUNK = 32 };
  evict(file);
  control->bad_page = BAD;
  unsigned char *chunk = file->map + FIRST * PAGE, *bad = file->map + BAD * 1ul * PAGE;
  must(madvise(chunk, CHUNK * PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
  settled(file);
  fact_one("slow", "of 32", CHUNK - (double)resident_pages(file, FIRST, CHUNK),
           "pages spoiled by WILLNEED over a chunk with one bad page");
  struct cachestat_answer answer;
  must(cachestat_of(file->fd, FIRST * PAGE, CHUNK * PAGE, &answer) == 0, "cachestat");
  fact_one("slow", "of 32", answer.cached, "... of which cachestat counts as cached");
  fact_one("slow", "errno", madvise(chunk, CHUNK * PAGE, MADV_WILLNEED) ? errno : 0, "WILLNEED once more");
  settled(file);
  fact_one("slow", "of 32", CHUNK - (double)resident_pages(file, FIRST, CHUNK), "pages still missing after it");
  fact_one("slow", "errno", madvise(chunk, CHUNK * PAGE, MADV_POPULATE_READ) ? errno : 0,
           "POPULATE_READ over the chunk");
  fact_one("slow", "pages", resident_pages(file, FIRST, CHUNK),
           "... pages of it in memory then (17 lie before the bad one)");
  fact_one("slow", "errno", madvise(bad, PAGE, MADV_POPULATE_READ) ? errno : 0, "POPULATE_READ of the bad page");
  fact_one("slow", "errno", pread(file->fd, (char[PAGE]){0}, PAGE, BAD * 1l * PAGE) < 0 ? errno : 0,
           "pread of the bad page");
  fact_one("slow", "signal", signal_of_touch(bad), "a touch of the bad page ends the process with");
  size_t good = 0;
  for (size_t page = FIRST; page < FIRST + CHUNK; page++)
    good += pread(file->fd, (char[PAGE]){0}, PAGE, page * PAGE) == PAGE;
  fact_one("slow", "of 31", good, "its neighbours that pread brings in, one at a time");
  control->bad_page = -1;
  fact_one("slow", "errno", madvise(bad, PAGE, MADV_POPULATE_READ) ? errno : 0,
           "POPULATE_READ of the bad page once it can be read again");
}

void measure_slow(void) {
  struct slow_server server;
  if (!start_slow_server(&server, 256ul * MIB)) {
    narrate("slow: skipped, FUSE cannot be mounted here (root and /dev/fuse are needed)");
    return;
  }
  struct file file = {.bytes = 256ul * MIB, .pages = 256ul * MIB / PAGE};
  snprintf(file.path, sizeof file.path, "%.500s/file", server.folder);
  file.fd = open(file.path, O_RDONLY);
  must(file.fd >= 0, "open a file of the slow server");
  posix_fadvise(file.fd, 0, 0, POSIX_FADV_RANDOM);
  file.map = mmap(NULL, file.bytes, PROT_READ, MAP_SHARED, file.fd, 0);
  must(file.map != MAP_FAILED, "mmap a file of the slow server");
  server.control->delay_us = DELAY_US;
  how_far_one_hint_goes(&file);
  what_hints_do(file.path, file.bytes, false);
  what_hints_do(file.path, file.bytes, true);
  for (int threads = 1; threads <= 64; threads *= 4) sixty_four(&file, threads, true, false);
  for (int threads = 1; threads <= 64; threads *= 4) sixty_four(&file, threads, true, true);
  for (int threads = 1; threads <= 64; threads *= 4) sixty_four(&file, threads, false, true);
  must(madvise(file.map, file.bytes, MADV_RANDOM) == 0, "madvise");
  for (int threads = 1; threads <= 64; threads *= 4) sixty_four(&file, threads, false, false);
  must(madvise(file.map, file.bytes, MADV_NORMAL) == 0, "madvise");
  a_run(&file, MADV_RANDOM, "MADV_RANDOM");
  a_run(&file, MADV_NORMAL, "MADV_NORMAL");
  on_its_way(&file, server.control);
  a_bad_page(&file, server.control);
  munmap(file.map, file.bytes);
  close(file.fd);
  stop_slow_server(&server);
}
