#include "measure.h"

#include <stdarg.h>

#include "questions.h"

const char* scratch_folder = "/tmp";
bool quick;
int repeats = 5;

double now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

void sleep_us(double us) {
  struct timespec t = {(time_t)(us / 1e6), (long)((us - (time_t)(us / 1e6) * 1e6) * 1e3)};
  nanosleep(&t, NULL);
}

void stop(const char* what) {
  fprintf(stderr, "kernel facts: %s: %s\n", what, errno ? strerror(errno) : "did not hold");
  exit(1);
}

void must(bool holds, const char* what) {
  if (!holds) stop(what);
}

uint64_t noise(void) {
  static __thread uint64_t state = 0x9e3779b97f4a7c15u;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

struct file make_file(const char* name, size_t bytes) {
  struct file file = {.bytes = bytes, .pages = bytes / PAGE};
  snprintf(file.path, sizeof file.path, "%s/nofault-kernel-%d-%s", scratch_folder, getpid(), name);
  file.fd = open(file.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(file.fd >= 0, file.path);
  uint64_t* block = malloc(MIB);
  for (size_t offset = 0; offset < bytes; offset += MIB) {
    for (size_t i = 0; i < MIB / 8; i++) block[i] = i % (PAGE / 8) ? noise() : (offset + i * 8) / PAGE;
    must(write(file.fd, block, MIB) == MIB, "write a test file");
  }
  free(block);
  must(fsync(file.fd) == 0, "fsync a test file");
  file.map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, file.fd, 0);
  must(file.map != MAP_FAILED, "mmap a test file");
  return file;
}

void remove_file(struct file* file) {
  munmap(file->map, file->bytes);
  close(file->fd);
  unlink(file->path);
}

bool holds_own_number(const struct file* file, size_t page) {
  uint64_t number;
  memcpy(&number, file->map + page * PAGE, sizeof number);
  return number == page;
}

size_t resident_pages(const struct file* file, size_t first, size_t count) {
  unsigned char* bits = malloc(count);
  must(mincore(file->map + first * PAGE, count * PAGE, bits) == 0, "mincore");
  size_t resident = 0;
  for (size_t i = 0; i < count; i++) resident += bits[i] & 1;
  free(bits);
  return resident;
}

bool is_resident(const struct file* file, size_t page) {
  unsigned char bit = 0;
  must(mincore(file->map + page * PAGE, PAGE, &bit) == 0, "mincore");
  return bit & 1;
}

void evict(struct file* file) {
  for (int attempt = 0; attempt < 200; attempt++) {
    must(madvise(file->map, file->bytes, MADV_DONTNEED) == 0, "MADV_DONTNEED");
    must(posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "POSIX_FADV_DONTNEED");
    // Pages that are still being read in cannot leave yet, and mincore does not see them: cachestat does.
    struct cachestat_answer answer = {0};
    cachestat_of(file->fd, 0, 0, &answer);
    if (answer.cached == 0 && resident_pages(file, 0, file->pages) == 0) return;
    sleep_us(10000);
  }
  errno = 0;
  stop("evict the test file");
}

void level_what_lies_below(struct file* file) {
  int fd = open(file->path, O_RDONLY | O_DIRECT);
  must(fd >= 0, "open with O_DIRECT");
  void* block = aligned_alloc(PAGE, 4 * MIB);
  for (size_t offset = 0; offset < file->bytes; offset += 4 * MIB) {
    must(pread(fd, block, 4 * MIB, offset) == 4 * MIB, "pread with O_DIRECT");
  }
  free(block);
  close(fd);
}

void fill_large_folios(struct file* file) {
  evict(file);
  char* block = malloc(MIB);
  posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  for (size_t offset = 0; offset < file->bytes; offset += MIB)
    must(pread(file->fd, block, MIB, offset) == MIB, "pread");
  posix_fadvise(file->fd, 0, 0, POSIX_FADV_NORMAL);
  free(block);
}

void fill_small_folios(struct file* file) {
  evict(file);
  // One page at a time, each asked for by name: nothing larger than a page is ever read, so nothing larger is ever
  // cached.
  for (size_t page = 0; page < file->pages; page++) {
    must(posix_fadvise(file->fd, (off_t)page * PAGE, PAGE, POSIX_FADV_WILLNEED) == 0, "POSIX_FADV_WILLNEED");
  }
  for (int attempt = 0; attempt < 500 && resident_pages(file, 0, file->pages) < file->pages; attempt++) sleep_us(10000);
}

void map_all(struct file* file) {
  must(madvise(file->map, file->bytes, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
}

static int by_page(const void* a, const void* b) {
  size_t x = *(const size_t*)a, y = *(const size_t*)b;
  return (x > y) - (x < y);
}

void sort_pages(size_t* pages, size_t count) { qsort(pages, count, sizeof *pages, by_page); }

size_t* random_pages(size_t count, size_t pages) {
  size_t* chosen = malloc(count * sizeof *chosen);
  unsigned char* taken = calloc(pages, 1);
  for (size_t i = 0; i < count;) {
    size_t page = noise() % pages;
    if (taken[page]) continue;
    taken[page] = 1;
    chosen[i++] = page;
  }
  free(taken);
  return chosen;
}

static int by_value(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

double percentile(double* values, size_t count, double percent) {
  qsort(values, count, sizeof *values, by_value);
  size_t at = (size_t)(count * percent / 100);
  return values[at < count ? at : count - 1];
}

struct spread spread_of(double* values, size_t count) {
  double median = percentile(values, count, 50);
  return (struct spread){median, values[0], values[count - 1]};
}

void narrate(const char* text, ...) {
  va_list list;
  va_start(list, text);
  vfprintf(stderr, text, list);
  va_end(list);
  fputc('\n', stderr);
}

void fact(const char* topic, const char* unit, struct spread value, const char* name, ...) {
  char what[256];
  va_list list;
  va_start(list, name);
  vsnprintf(what, sizeof what, name, list);
  va_end(list);
  printf("%s\t%s\t%s\t%.6g\t%.6g\t%.6g\n", topic, what, unit, value.median, value.low, value.high);
  fflush(stdout);
}

void fact_one(const char* topic, const char* unit, double value, const char* name, ...) {
  char what[256];
  va_list list;
  va_start(list, name);
  vsnprintf(what, sizeof what, name, list);
  va_end(list);
  fact(topic, unit, (struct spread){value, value, value}, "%s", what);
}

struct waits thread_waits(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return (struct waits){usage.ru_majflt, usage.ru_minflt, usage.ru_nvcsw};
}
