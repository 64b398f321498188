// What the questions and the harmless reads cost while everything is in memory: this is what a hit is made of.
#include "questions.h"
#include "topics.h"

enum { ASKED = 1000 };

struct subject {
  struct file* file;
  size_t* pages;           // ASKED random pages
  void* addresses[ASKED];  // the same
  int status[ASKED];
  unsigned char* bits;
  int pagemap;
};

// Times `rounds` calls of a statement that may use `i`, `repeats` times over; one untimed round first.
#define TIMED(us, rounds, statement)                    \
  do {                                                  \
    for (int r = -1; r < repeats; r++) {                \
      double from = now_us();                           \
      for (size_t i = 0; i < (rounds); i++) {           \
        statement;                                      \
      }                                                 \
      if (r >= 0) us[r] = (now_us() - from) / (rounds); \
    }                                                   \
  } while (0)

static void report(const char* unit, double* us, double scale, const char* name, const char* kind) {
  for (int r = 0; r < repeats; r++) us[r] *= scale;
  fact("warm", unit, spread_of(us, repeats), "%s%s%s", name, *kind ? ", " : "", kind);
}

static void plain_calls(struct subject* s) {
  double us[16];
  char block[PAGE];
  struct cachestat_answer answer;
  TIMED(us, 100000, syscall(SYS_getppid));
  report("us", us, 1, "any system call (getppid)", "");
  TIMED(us, 20 * ASKED, pread(s->file->fd, block, PAGE, s->pages[i % ASKED] * PAGE));
  report("us", us, 1, "pread 4 KiB, random page", "");
  struct iovec into = {block, PAGE};
  TIMED(us, 20 * ASKED, preadv2(s->file->fd, &into, 1, s->pages[i % ASKED] * PAGE, RWF_NOWAIT));
  report("us", us, 1, "preadv2(RWF_NOWAIT) 4 KiB, random page", "");
  TIMED(us, 20 * ASKED, cachestat_of(s->file->fd, s->pages[i % ASKED] * PAGE, PAGE, &answer));
  report("us", us, 1, "cachestat, 1 random page", "");
  TIMED(us, 20 * ASKED, madvise(s->addresses[i % ASKED], PAGE, MADV_WILLNEED));
  report("us", us, 1, "MADV_WILLNEED, 1 resident page", "");
  TIMED(us, 20 * ASKED, madvise(s->addresses[i % ASKED], PAGE, MADV_POPULATE_READ));
  report("us", us, 1, "MADV_POPULATE_READ, 1 mapped page", "");
}

// One page at a time, all of them mapped.
static void questions_about_one(struct subject* s, const char* kind) {
  double us[16];
  unsigned char bits[16];
  TIMED(us, 20 * ASKED, mincore(s->addresses[0], PAGE, bits));
  report("us", us, 1, "mincore, 1 page, always the same", kind);
  TIMED(us, 20 * ASKED, mincore(s->addresses[i % ASKED], PAGE, bits));
  report("us", us, 1, "mincore, 1 random page", kind);
  TIMED(us, 20 * ASKED, mincore(s->file->map + (s->pages[i % ASKED] & ~15ul) * PAGE, 16 * PAGE, bits));
  report("us", us, 1, "mincore, 16 pages at random", kind);
  TIMED(us, 20 * ASKED, move_pages_query(1, &s->addresses[i % ASKED], s->status));
  report("us", us, 1, "move_pages, 1 random page", kind);
  struct scan_region region;
  TIMED(us, 20 * ASKED, scan_present(s->pagemap, s->addresses[i % ASKED], PAGE, &region, 1));
  report("us", us, 1, "PAGEMAP_SCAN, 1 random page", kind);
  uint64_t entry;
  TIMED(us, 20 * ASKED, pread(s->pagemap, &entry, 8, (uintptr_t)s->addresses[i % ASKED] / PAGE * 8));
  report("us", us, 1, "pread of /proc/self/pagemap, 1 random page", kind);
  volatile unsigned char sum = 0;
  TIMED(us, 1000 * ASKED, sum += *(volatile unsigned char*)s->addresses[i % ASKED]);
  report("us", us, 1, "a byte read of one of 1000 mapped pages", kind);
}

static void questions_about_a_vector(struct subject* s, const char* kind) {
  double us[16];
  unsigned char bit;
  for (int ascending = 0; ascending < 2; ascending++) {
    size_t order[ASKED];
    memcpy(order, s->pages, sizeof order);
    if (ascending) sort_pages(order, ASKED);
    void* addresses[ASKED];
    for (size_t i = 0; i < ASKED; i++) addresses[i] = s->file->map + order[i] * PAGE;
    char name[96];
    snprintf(name, sizeof name, "move_pages, %d pages in one call, %s, a page", ASKED,
             ascending ? "ascending" : "random order");
    TIMED(us, 50, move_pages_query(ASKED, addresses, s->status));
    report("ns", us, 1000.0 / ASKED, name, kind);
    for (int i = 0; i < ASKED; i++) must(s->status[i] >= 0, "a mapped page has a node");
    snprintf(name, sizeof name, "mincore, %d pages a call each, %s, a page", ASKED,
             ascending ? "ascending" : "random order");
    TIMED(us, 50 * ASKED, mincore(addresses[i % ASKED], PAGE, &bit));
    report("ns", us, 1000, name, kind);
  }
}

static void long_ranges(struct subject* s, const char* kind) {
  double us[16];
  struct file* f = s->file;
  struct cachestat_answer answer;
  static struct scan_region regions[4096];
  TIMED(us, 3, mincore(f->map, f->bytes, s->bits));
  report("ns/page", us, 1000.0 / f->pages, "mincore over a long range", kind);
  TIMED(us, 3, scan_present(s->pagemap, f->map, f->bytes, regions, 4096));
  report("ns/page", us, 1000.0 / f->pages, "PAGEMAP_SCAN over a long range", kind);
  TIMED(us, 3, cachestat_of(f->fd, 0, 0, &answer));
  report("ns/page", us, 1000.0 / f->pages, "cachestat of the whole file", kind);
}

// Each repeat needs the page table emptied, so the timing is by hand.
static void mapping_what_is_cached(struct subject* s, const char* kind) {
  struct file* f = s->file;
  double one[16], run[16], mapped[16], touch[16], populated[16], faults[16];
  for (int r = 0; r < repeats; r++) {
    must(madvise(f->map, f->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    double from = now_us();
    for (int i = 0; i < ASKED; i++) must(madvise(s->addresses[i], PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    one[r] = (now_us() - from) / ASKED;
    must(madvise(f->map, f->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    volatile unsigned char sum = 0;
    long minor = thread_waits().minor;
    from = now_us();
    for (int i = 0; i < ASKED; i++) sum += *(volatile unsigned char*)s->addresses[i];
    touch[r] = (now_us() - from) / ASKED;
    faults[r] = (double)(thread_waits().minor - minor) / ASKED;
    void** addresses = s->addresses;
    size_t neighbours = 0;
    move_pages_query(ASKED, addresses, s->status);
    scan_present(s->pagemap, f->map, f->bytes, &(struct scan_region){0}, 1);
    for (size_t first = 0; first < f->pages; first += ASKED) {
      void* all[ASKED];
      int status[ASKED];
      size_t count = f->pages - first < ASKED ? f->pages - first : ASKED;
      for (size_t i = 0; i < count; i++) all[i] = f->map + (first + i) * PAGE;
      move_pages_query(count, all, status);
      for (size_t i = 0; i < count; i++) neighbours += status[i] >= 0;
    }
    populated[r] = (double)neighbours / ASKED;
    must(madvise(f->map, f->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    from = now_us();
    map_all(f);
    run[r] = (now_us() - from) * 1000 / f->pages;
    from = now_us();
    map_all(f);
    mapped[r] = (now_us() - from) * 1000 / f->pages;
  }
  report("us", one, 1, "MADV_POPULATE_READ, 1 page that is cached but not mapped", kind);
  report("us", touch, 1, "first touch of a page that is cached but not mapped", kind);
  report("faults", faults, 1, "minor faults a first touch", kind);
  report("pages", populated, 1, "pages mapped by a first touch, itself included", kind);
  report("ns/page", run, 1, "MADV_POPULATE_READ over a long run, not mapped", kind);
  report("ns/page", mapped, 1, "MADV_POPULATE_READ over a long run, mapped", kind);
}

static void about_nothing(struct subject* s) {
  char path[600];
  snprintf(path, sizeof path, "%s.sparse", s->file->path);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  must(fd >= 0 && ftruncate(fd, 1l << 40) == 0, "a sparse file of 1 TiB");
  unlink(path);
  double us[16];
  struct cachestat_answer answer;
  TIMED(us, 1000, cachestat_of(fd, 0, 0, &answer));
  report("us", us, 1, "cachestat of 1 TiB of which nothing is cached", "");
  close(fd);
}

void measure_warm(void) {
  struct file file = make_file("warm", 512ul * MIB);
  struct subject s = {.file = &file,
                      .pages = random_pages(ASKED, file.pages),
                      .bits = malloc(file.pages),
                      .pagemap = open("/proc/self/pagemap", O_RDONLY)};
  for (int i = 0; i < ASKED; i++) s.addresses[i] = file.map + s.pages[i] * PAGE;
  evict(&file);
  long_ranges(&s, "missing");
  about_nothing(&s);
  const char* kinds[2][3] = {{"large folios", "large folios, mapped", "large folios, cached but not mapped"},
                             {"4 KiB folios", "4 KiB folios, mapped", "4 KiB folios, cached but not mapped"}};
  for (int kind = 0; kind < 2; kind++) {
    (kind == 0 ? fill_large_folios : fill_small_folios)(&file);
    narrate("warm: %zu of %zu pages cached as %s", resident_pages(&file, 0, file.pages), file.pages, kinds[kind][0]);
    madvise(file.map, file.bytes, MADV_DONTNEED);
    long_ranges(&s, kinds[kind][2]);
    mapping_what_is_cached(&s, kinds[kind][0]);
    map_all(&file);
    long_ranges(&s, kinds[kind][1]);
    questions_about_one(&s, kinds[kind][0]);
    questions_about_a_vector(&s, kinds[kind][0]);
  }
  plain_calls(&s);
  remove_file(&file);
}
