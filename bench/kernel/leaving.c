// How a page leaves memory, and what a call on a page that cannot be read says.
#include <sys/wait.h>

#include "questions.h"
#include "topics.h"

enum { WINDOW = 16 * MIB, WINDOW_PAGES = WINDOW / PAGE };

static size_t mapped_pages(const struct file* file) {
  size_t mapped = 0;
  void* addresses[1024];
  int status[1024];
  for (size_t first = 0; first < file->pages; first += 1024) {
    for (size_t i = 0; i < 1024; i++) addresses[i] = file->map + (first + i) * PAGE;
    must(move_pages_query(1024, addresses, status) == 0, "move_pages");
    for (size_t i = 0; i < 1024; i++) mapped += status[i] >= 0;
  }
  return mapped;
}

static void map_and_touch(struct file* file) {
  map_all(file);
  for (size_t page = 0; page < file->pages; page++) must(holds_own_number(file, page), "the page's own number");
}

static void advise(struct file* file, int advice) { must(madvise(file->map, file->bytes, advice) == 0, "madvise"); }
static void let_go(struct file* file) { posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED); }

static void by_fadvise(struct file* file) { let_go(file); }
static void by_both(struct file* file) { advise(file, MADV_DONTNEED), let_go(file); }
static void by_unmapping_only(struct file* file) { advise(file, MADV_DONTNEED); }
static void by_cold(struct file* file) { advise(file, MADV_COLD); }
static void by_cold_and_fadvise(struct file* file) { advise(file, MADV_COLD), let_go(file); }
static void by_pageout(struct file* file) { advise(file, MADV_PAGEOUT); }

static void by_direct_write(struct file* file) {
  int fd = open(file->path, O_WRONLY | O_DIRECT);
  must(fd >= 0, "open with O_DIRECT");
  void* block = aligned_alloc(PAGE, WINDOW);
  must(pread(file->fd, block, WINDOW, 0) == WINDOW && pwrite(fd, block, WINDOW, 0) == WINDOW, "write with O_DIRECT");
  free(block);
  close(fd);
}

// Pages of files that reclaim has taken since the machine started, by its own count.
static double pages_stolen(void) {
  FILE* counts = fopen("/proc/vmstat", "r");
  must(counts != NULL, "/proc/vmstat");
  char line[128];
  double stolen = -1;
  while (fgets(line, sizeof line, counts) != NULL) {
    if (strncmp(line, "pgsteal_file ", 13) == 0) stolen = strtod(line + 13, NULL);
  }
  fclose(counts);
  must(stolen >= 0, "pgsteal_file");
  return stolen;
}

static void leaves(bool touched, bool large, void (*how)(struct file*), const char* name) {
  double stayed[16], mapped[16], counted[16];
  for (int r = 0; r < repeats; r++) {
    struct file file = make_file("leaving", WINDOW);
    (large ? fill_large_folios : fill_small_folios)(&file);
    if (touched) map_and_touch(&file);
    const double before = pages_stolen();
    how(&file);
    counted[r] = pages_stolen() - before;
    stayed[r] = resident_pages(&file, 0, file.pages);
    mapped[r] = mapped_pages(&file);
    remove_file(&file);
  }
  fact("leaving", "of 4096", spread_of(stayed, repeats), "%s pages that stay after %s, %s folios",
       touched ? "mapped and touched" : "prefetched", name, large ? "large" : "4 KiB");
  if (touched)
    fact("leaving", "of 4096", spread_of(mapped, repeats), "... of which move_pages says mapped, %s folios",
         large ? "large" : "4 KiB");
  fact("leaving", "pages", spread_of(counted, repeats), "... by which pgsteal_file grew, %s folios",
       large ? "large" : "4 KiB");
}

// A touch that may be the last, so in a child: the signal that ended it, or 0.
static int signal_of_touch(const unsigned char* address) {
  pid_t child = fork();
  if (child == 0) _exit(*(volatile const unsigned char*)address == 1 ? 0 : 0);
  int status;
  must(waitpid(child, &status, 0) == child, "waitpid");
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void behind_a_truncated_end(void) {
  struct file file = make_file("truncated", WINDOW);
  map_and_touch(&file);
  must(ftruncate(file.fd, WINDOW / 2 + 100) == 0, "ftruncate");
  unsigned char *behind = file.map + WINDOW / 2 + PAGE, *last = file.map + WINDOW / 2, bit;
  fact_one("leaving", "errno", madvise(behind, PAGE, MADV_POPULATE_READ) ? errno : 0,
           "POPULATE_READ behind a truncated end");
  fact_one("leaving", "errno", madvise(behind, PAGE, MADV_WILLNEED) ? errno : 0, "WILLNEED behind a truncated end");
  fact_one("leaving", "errno", mincore(behind, PAGE, &bit) ? errno : 0, "mincore behind a truncated end");
  fact_one("leaving", "bit", bit & 1, "mincore's answer behind a truncated end");
  int status;
  void* address = behind;
  must(move_pages_query(1, &address, &status) == 0, "move_pages");
  fact_one("leaving", "status", status, "move_pages' status behind a truncated end");
  fact_one("leaving", "errno", madvise(last, PAGE, MADV_POPULATE_READ) ? errno : 0,
           "POPULATE_READ of the page that the end lies in");
  fact_one("leaving", "bytes", pread(file.fd, (char[PAGE]){0}, PAGE, WINDOW / 2),
           "pread of the page that the end lies in");
  fact_one("leaving", "bytes", pread(file.fd, (char[PAGE]){0}, PAGE, WINDOW / 2 + PAGE),
           "pread behind a truncated end");
  fact_one("leaving", "signal", signal_of_touch(behind), "a touch behind a truncated end ends the process with");
  fact_one("leaving", "errno", madvise(file.map, WINDOW, MADV_POPULATE_READ) ? errno : 0,
           "POPULATE_READ over the whole window, good pages first");
  remove_file(&file);
}

static void in_a_hole(void) {
  struct file file = make_file("punched", WINDOW);
  map_and_touch(&file);
  must(fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, WINDOW / 2) == 0, "punch a hole");
  fact_one("leaving", "of 4096", resident_pages(&file, 0, file.pages),
           "mapped and touched pages that stay after a hole was punched in half of them");
  fact_one("leaving", "signal", signal_of_touch(file.map), "a touch in the hole ends the process with (0: it lives)");
  remove_file(&file);
}

void measure_leaving(void) {
  for (int large = 0; large < 2; large++) {
    leaves(false, large, by_fadvise, "POSIX_FADV_DONTNEED");
    leaves(true, large, by_fadvise, "POSIX_FADV_DONTNEED");
    leaves(true, large, by_unmapping_only, "MADV_DONTNEED");
    leaves(true, large, by_both, "MADV_DONTNEED, then POSIX_FADV_DONTNEED");
    leaves(true, large, by_cold, "MADV_COLD");
    leaves(true, large, by_cold_and_fadvise, "MADV_COLD, then POSIX_FADV_DONTNEED");
    leaves(true, large, by_pageout, "MADV_PAGEOUT");
    leaves(true, large, by_direct_write, "an O_DIRECT write over them");
  }
  behind_a_truncated_end();
  in_a_hole();
}
