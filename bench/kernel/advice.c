// What a piece of advice really makes the kernel read, counted in pages that are in memory afterwards.
#include "questions.h"
#include "topics.h"

enum { RUN = 64 };

// Waits until nothing more arrives.
static size_t settled(struct file* file) {
  size_t before = 0, quiet = 0;
  for (int i = 0; i < 400 && quiet < 5; i++) {
    size_t now = resident_pages(file, 0, file->pages);
    quiet = now == before ? quiet + 1 : 0;
    before = now;
    sleep_us(2000);
  }
  return before;
}

static void one_call_of_will_need(struct file* file) {
  double pages[16];
  for (int sequential = 0; sequential < 2; sequential++) {
    posix_fadvise(file->fd, 0, 0, sequential ? POSIX_FADV_SEQUENTIAL : POSIX_FADV_NORMAL);
    for (int r = 0; r < repeats; r++) {
      evict(file);
      must(madvise(file->map, 64 * MIB, MADV_WILLNEED) == 0, "MADV_WILLNEED");
      pages[r] = settled(file);
    }
    fact("advice", "pages", spread_of(pages, repeats), "read by one WILLNEED over 16384 pages%s",
         sequential ? ", POSIX_FADV_SEQUENTIAL" : "");
  }
  posix_fadvise(file->fd, 0, 0, POSIX_FADV_NORMAL);
}

static void a_run(struct file* file, int advice, bool requested, const char* name) {
  double us[16], waits[16];
  must(madvise(file->map, file->bytes, advice) == 0, "madvise");
  for (int r = 0; r < repeats; r++) {
    evict(file);
    unsigned char* run = file->map + (noise() % (file->pages - RUN)) * PAGE;
    long before = thread_waits().voluntary;
    double from = now_us();
    if (requested) must(madvise(run, RUN * PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    must(madvise(run, RUN * PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    us[r] = now_us() - from;
    waits[r] = thread_waits().voluntary - before;
  }
  must(madvise(file->map, file->bytes, MADV_NORMAL) == 0, "madvise");
  fact("advice", "us", spread_of(us, repeats), "POPULATE_READ of a run of %d missing pages, %s", RUN, name);
  fact("advice", "waits", spread_of(waits, repeats), "the same, waits of the caller, %s", name);
}

enum way { POPULATE, TOUCH, READ };

// How many pages one missing page brings in.
static void read_around(struct file* file, enum way way, int mapping, int descriptor, bool requested,
                        const char* name) {
  double pages[16];
  char block[PAGE];
  for (int r = 0; r < repeats; r++) {
    evict(file);
    // A descriptor remembers how often its mappings missed, and stops reading around after about a hundred; a new one
    // has no memory.
    int fd = open(file->path, O_RDONLY);
    unsigned char* map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
    must(map != MAP_FAILED && madvise(map, file->bytes, mapping) == 0 && posix_fadvise(fd, 0, 0, descriptor) == 0,
         "map the file");
    size_t page = file->pages / 4 + noise() % (file->pages / 2);
    if (requested) must(madvise(map + page * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    if (way == POPULATE) must(madvise(map + page * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    if (way == TOUCH) block[0] = *(volatile unsigned char*)(map + page * PAGE);
    if (way == READ) must(pread(fd, block, PAGE, page * PAGE) == PAGE, "pread");
    pages[r] = settled(file);
    munmap(map, file->bytes);
    close(fd);
  }
  fact("advice", "pages", spread_of(pages, repeats), "in memory after %s", name);
}

// The same for the n-th random page through one descriptor.
static void read_around_gives_up(struct file* file) {
  int fd = open(file->path, O_RDONLY);
  unsigned char* map = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
  must(map != MAP_FAILED, "map the file");
  for (int n = 1; n <= 400; n++) {
    must(madvise(map, file->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    evict(file);
    size_t page = file->pages / 4 + noise() % (file->pages / 2);
    must(madvise(map + page * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    if (n == 1 || n == 50 || n == 90 || n == 110 || n == 200 || n == 400) {
      fact_one("advice", "pages", settled(file),
               "in memory after random POPULATE_READ number %d through one descriptor, NORMAL", n);
    }
  }
  munmap(map, file->bytes);
  close(fd);
}

// Asks both questions at once about what has just been requested.
static void what_is_on_its_way(struct file* file) {
  double cached[16], told[16];
  unsigned char bits[1024];
  for (int r = 0; r < repeats; r++) {
    evict(file);
    struct cachestat_answer answer;
    must(madvise(file->map, sizeof bits * PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
    must(mincore(file->map, sizeof bits * PAGE, bits) == 0, "mincore");
    must(cachestat_of(file->fd, 0, sizeof bits * PAGE, &answer) == 0, "cachestat");
    told[r] = 0;
    for (size_t i = 0; i < sizeof bits; i++) told[r] += bits[i] & 1;
    cached[r] = answer.cached;
    settled(file);
  }
  fact("advice", "pages", spread_of(told, repeats), "of 1024 requested a moment ago: resident for mincore");
  fact("advice", "pages", spread_of(cached, repeats),
       "of 1024 requested a moment ago: cached for cachestat, asked after mincore");
}

static void waiting_for_what_is_on_its_way(struct file* file) {
  enum { PAGES = 500 };
  double major[16], minor[16], voluntary[16];
  for (int r = 0; r < repeats; r++) {
    evict(file);
    size_t* pages = random_pages(PAGES, file->pages);
    struct waits sum = {0, 0, 0};
    for (int i = 0; i < PAGES; i++) {
      must(madvise(file->map + pages[i] * PAGE, PAGE, MADV_WILLNEED) == 0, "MADV_WILLNEED");
      struct waits before = thread_waits();
      must(holds_own_number(file, pages[i]), "the page's own number");
      struct waits after = thread_waits();
      sum.major += after.major - before.major, sum.minor += after.minor - before.minor,
          sum.voluntary += after.voluntary - before.voluntary;
    }
    major[r] = sum.major, minor[r] = sum.minor, voluntary[r] = sum.voluntary;
    free(pages);
  }
  fact("advice", "of 500", spread_of(major, repeats), "touches just after WILLNEED: major faults");
  fact("advice", "of 500", spread_of(minor, repeats), "touches just after WILLNEED: minor faults");
  fact("advice", "of 500", spread_of(voluntary, repeats), "touches just after WILLNEED: voluntary context switches");
}

void measure_advice(void) {
  struct file file = make_file("advice", 256ul * MIB);
  one_call_of_will_need(&file);
  a_run(&file, MADV_RANDOM, false, "MADV_RANDOM");
  a_run(&file, MADV_NORMAL, false, "MADV_NORMAL");
  a_run(&file, MADV_RANDOM, true, "MADV_RANDOM, WILLNEED first");
  a_run(&file, MADV_NORMAL, true, "MADV_NORMAL, WILLNEED first");
  read_around(&file, POPULATE, MADV_NORMAL, POSIX_FADV_NORMAL, false, "POPULATE_READ of 1 page, NORMAL");
  read_around(&file, TOUCH, MADV_NORMAL, POSIX_FADV_NORMAL, false, "a touch of 1 page, NORMAL");
  read_around(&file, POPULATE, MADV_NORMAL, POSIX_FADV_RANDOM, false,
              "POPULATE_READ of 1 page, NORMAL, its descriptor POSIX_FADV_RANDOM");
  read_around(&file, POPULATE, MADV_RANDOM, POSIX_FADV_NORMAL, false, "POPULATE_READ of 1 page, MADV_RANDOM");
  read_around(&file, POPULATE, MADV_NORMAL, POSIX_FADV_NORMAL, true, "WILLNEED, then POPULATE_READ of 1 page, NORMAL");
  read_around(&file, TOUCH, MADV_NORMAL, POSIX_FADV_NORMAL, true, "WILLNEED, then a touch of 1 page, NORMAL");
  read_around(&file, READ, MADV_NORMAL, POSIX_FADV_RANDOM, false, "pread of 1 page, POSIX_FADV_RANDOM");
  read_around(&file, READ, MADV_NORMAL, POSIX_FADV_NORMAL, false, "pread of 1 page, POSIX_FADV_NORMAL");
  read_around_gives_up(&file);
  what_is_on_its_way(&file);
  waiting_for_what_is_on_its_way(&file);
  remove_file(&file);
}
