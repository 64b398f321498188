// mlock2(MLOCK_ONFAULT) over scattered pages and long runs: what it costs, how long the questions of another thread
// wait meanwhile, and what evicts a locked page all the same.
#include <stdatomic.h>
#include <sys/wait.h>

#include "questions.h"
#include "topics.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

enum { WINDOW = 48 * MIB, SCATTERED = 1000, MOST = 2000000 };

static void lock_pages(const void* at, size_t bytes) {
  must(syscall(SYS_mlock2, at, bytes, MLOCK_ONFAULT) == 0, "mlock2 (RLIMIT_MEMLOCK, vm.max_map_count)");
}

// Distinct pages no two of which touch: each is a lock of its own.
static size_t* scattered(const struct file* file) {
  size_t* pages = random_pages(SCATTERED, file->pages / 2);
  for (int i = 0; i < SCATTERED; i++) pages[i] *= 2;
  return pages;
}

static void cost_of_locking(struct file* file, const char* kind) {
  double locking[16], unlocking[16], window[16], rest[16], piece[16];
  for (int r = 0; r < repeats; r++) {
    map_all(file);
    size_t* pages = scattered(file);
    double from = now_us();
    for (int i = 0; i < SCATTERED; i++) lock_pages(file->map + pages[i] * PAGE, PAGE);
    locking[r] = (now_us() - from) / SCATTERED;
    from = now_us();
    for (int i = 0; i < SCATTERED; i++) must(munlock(file->map + pages[i] * PAGE, PAGE) == 0, "munlock");
    unlocking[r] = (now_us() - from) / SCATTERED;
    free(pages);
    from = now_us();
    lock_pages(file->map, WINDOW);
    window[r] = now_us() - from;
    from = now_us();
    must(munlock(file->map, WINDOW) == 0, "munlock");
    rest[r] = now_us() - from;
    from = now_us();
    lock_pages(file->map, 2 * MIB);
    piece[r] = now_us() - from;
    must(munlock(file->map, 2 * MIB) == 0, "munlock");
  }
  fact("locking", "us", spread_of(locking, repeats), "mlock2 of a scattered mapped page, of 1,000 in a row, %s", kind);
  fact("locking", "us", spread_of(unlocking, repeats), "munlock of each of them, %s", kind);
  fact("locking", "us", spread_of(piece, repeats), "mlock2 of 2 MiB, fully mapped, %s", kind);
  fact("locking", "us", spread_of(window, repeats), "mlock2 of 48 MiB, fully mapped, %s", kind);
  fact("locking", "us", spread_of(rest, repeats), "munlock of 48 MiB, fully mapped, %s", kind);
}

struct locker {
  struct file* file;
  enum { NOTHING, PAGES, PIECES, WINDOWS } does;
  _Atomic bool ended;
};

static void* lock_and_unlock(void* argument) {
  struct locker* l = argument;
  size_t* pages = scattered(l->file);
  while (!l->ended) {
    const size_t step = l->does == PAGES ? 0 : l->does == PIECES ? 2 * MIB : WINDOW;
    const int calls = l->does == PAGES ? SCATTERED : (int)(WINDOW / step);
    for (int unlock = 0; unlock < 2; unlock++) {
      for (int i = 0; i < calls; i++) {
        unsigned char* at = l->file->map + (step == 0 ? pages[i] * PAGE : i * step);
        if (unlock)
          must(munlock(at, step == 0 ? PAGE : step) == 0, "munlock");
        else
          lock_pages(at, step == 0 ? PAGE : step);
      }
    }
  }
  free(pages);
  return NULL;
}

// Questions about a mapping that nobody locks, in the same address space.
static void question_beside(struct file* asked, bool scattered_question, struct file* file, int does,
                            const char* name) {
  struct locker locker = {.file = file, .does = does};
  pthread_t thread;
  if (does != NOTHING) pthread_create(&thread, NULL, lock_and_unlock, &locker);
  double* us = malloc(MOST * sizeof *us);
  size_t calls = 0;
  unsigned char bit;
  int status;
  struct waits before = thread_waits();
  for (double end = now_us() + (quick ? 1e6 : 3e6), from = now_us(); from < end && calls < MOST; calls++) {
    void* address = asked->map + noise() % asked->pages * PAGE;
    if (scattered_question)
      move_pages_query(1, &address, &status);
    else
      mincore(address, PAGE, &bit);
    double now = now_us();
    us[calls] = now - from;
    from = now;
  }
  struct waits after = thread_waits();
  locker.ended = true;
  if (does != NOTHING) pthread_join(thread, NULL);
  fact_one("locking", "us", percentile(us, calls, 50), "%s: p50", name);
  fact_one("locking", "us", percentile(us, calls, 99), "%s: p99", name);
  fact_one("locking", "us", percentile(us, calls, 99.9), "%s: p99.9", name);
  fact_one("locking", "us", percentile(us, calls, 100), "%s: longest", name);
  fact_one("locking", "per million", (after.voluntary - before.voluntary) * 1e6 / calls, "%s: calls that slept", name);
  free(us);
}

static int mapped_of(const struct file* file, const size_t* pages, int count) {
  int mapped = 0;
  for (int i = 0; i < count; i++) {
    void* address = file->map + pages[i] * PAGE;
    int status;
    must(move_pages_query(1, &address, &status) == 0, "move_pages");
    mapped += status >= 0;
  }
  return mapped;
}

// Locking or unlocking a part of what one entry of an upper page table maps empties that entry.
static void what_a_cut_unmaps(bool large) {
  double scattered_mapped[16], run_mapped[16];
  for (int r = 0; r < repeats; r++) {
    struct file file = make_file("cut", WINDOW);
    (large ? fill_large_folios : fill_small_folios)(&file);
    map_all(&file);
    size_t* pages = scattered(&file);
    for (int i = 0; i < SCATTERED; i++) lock_pages(file.map + pages[i] * PAGE, PAGE);
    scattered_mapped[r] = mapped_of(&file, pages, SCATTERED);
    must(munlock(file.map, WINDOW) == 0, "munlock");
    map_all(&file);
    lock_pages(file.map, WINDOW);
    // One page in the middle of each 2 MiB.
    for (size_t at = MIB; at < WINDOW; at += 2 * MIB) must(munlock(file.map + at, PAGE) == 0, "munlock");
    run_mapped[r] = 0;
    for (size_t page = 0; page < file.pages; page++) {
      if (page % 512 != 256) run_mapped[r] += mapped_of(&file, &page, 1);
    }
    free(pages);
    remove_file(&file);
  }
  const char* kind = large ? "large" : "4 KiB";
  fact("locking", "of 1000", spread_of(scattered_mapped, repeats),
       "scattered mapped pages that are mapped still when they have been locked, %s folios", kind);
  fact("locking", "of 12264", spread_of(run_mapped, repeats),
       "pages of a locked run that are mapped still when a page in each 2 MiB has been unlocked, %s folios", kind);
}

static void by_fadvise(struct file* file) { posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED); }

static void by_direct_write(struct file* file) {
  int fd = open(file->path, O_WRONLY | O_DIRECT);
  must(fd >= 0, "open with O_DIRECT");
  void* block = aligned_alloc(PAGE, WINDOW);
  must(pread(file->fd, block, WINDOW, 0) == WINDOW && pwrite(fd, block, WINDOW, 0) == WINDOW, "write with O_DIRECT");
  free(block);
  close(fd);
}

static void by_punching(struct file* file) {
  must(fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, WINDOW) == 0, "punch a hole");
}

static bool put(const char* folder, const char* name, const char* text) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_WRONLY);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) > 0 || errno == EAGAIN || errno == EBUSY;
  close(fd);
  return done;
}

// In a memory cgroup that reclaims all it can: of a file's pages, all mapped, a thousand are locked.
static void reclaim_in(const char* folder, double* stayed, bool large, bool mapped_again) {
  must(put(folder, "cgroup.procs", "0"), "enter the cgroup");
  struct file file = make_file("reclaimed", WINDOW);
  (large ? fill_large_folios : fill_small_folios)(&file);
  map_all(&file);
  size_t* pages = scattered(&file);
  for (int i = 0; i < SCATTERED; i++) lock_pages(file.map + pages[i] * PAGE, PAGE);
  for (int i = 0; mapped_again && i < SCATTERED; i++)
    must(madvise(file.map + pages[i] * PAGE, PAGE, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
  must(put(folder, "memory.force_empty", "0") || put(folder, "memory.reclaim", "256M"), "reclaim");
  for (int i = 0; i < SCATTERED; i++) stayed[0] += is_resident(&file, pages[i]);
  stayed[1] = resident_pages(&file, 0, file.pages) - stayed[0];
  remove_file(&file);
}

static void beside_reclaim(void) {
  const char* roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
  char folder[300];
  int root = 0;
  for (; root < 2; root++) {
    snprintf(folder, sizeof folder, "%s/nofault-kernel-%d", roots[root], getpid());
    if (mkdir(folder, 0755) == 0) break;
  }
  if (root == 2) {
    narrate(
        "locking: reclaim is skipped, a memory cgroup could not be made (root, and the memory controller, are needed)");
    return;
  }
  double* stayed = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int kind = 0; kind < 4; kind++) {
    stayed[0] = stayed[1] = 0;
    pid_t child = fork();
    if (child == 0) {
      reclaim_in(folder, stayed, kind & 1, kind & 2);
      _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "the child in the cgroup");
    const char* name = kind & 1 ? "large" : "4 KiB";
    const char* how = kind & 2 ? "locked and mapped again" : "locked";
    fact_one("locking", "of 1000", stayed[0], "scattered pages, %s, that stay when all is reclaimed, %s folios", how,
             name);
    fact_one("locking", "of 11288", stayed[1], "... and the pages around them, %s folios", name);
  }
  munmap(stayed, PAGE);
  rmdir(folder);
}

static void stays(void (*how)(struct file*), const char* name) {
  double all[16], some[16];
  for (int large = 0; large < 2; large++) {
    for (int r = 0; r < repeats; r++) {
      struct file file = make_file("locked", WINDOW);
      (large ? fill_large_folios : fill_small_folios)(&file);
      map_all(&file);
      lock_pages(file.map, WINDOW);
      how(&file);
      all[r] = resident_pages(&file, 0, file.pages);
      remove_file(&file);
      file = make_file("locked", WINDOW);
      (large ? fill_large_folios : fill_small_folios)(&file);
      map_all(&file);
      size_t* pages = scattered(&file);
      for (int i = 0; i < SCATTERED; i++) lock_pages(file.map + pages[i] * PAGE, PAGE);
      map_all(&file);
      how(&file);
      some[r] = 0;
      for (int i = 0; i < SCATTERED; i++) some[r] += is_resident(&file, pages[i]);
      free(pages);
      remove_file(&file);
    }
    const char* kind = large ? "large" : "4 KiB";
    fact("locking", "of 12288", spread_of(all, repeats), "locked pages of one run that stay after %s, %s folios", name,
         kind);
    fact("locking", "of 1000", spread_of(some, repeats), "scattered locked pages that stay after %s, %s folios", name,
         kind);
  }
}

// Advice on the locked range itself.
static void advice_on_locked(void) {
  struct file file = make_file("locked", WINDOW);
  fill_small_folios(&file);
  map_all(&file);
  lock_pages(file.map, WINDOW);
  const struct {
    int advice;
    const char* name;
  } advices[] = {{MADV_DONTNEED, "MADV_DONTNEED"}, {MADV_COLD, "MADV_COLD"}, {MADV_PAGEOUT, "MADV_PAGEOUT"}};
  for (int i = 0; i < 3; i++)
    fact_one("locking", "errno", madvise(file.map, WINDOW, advices[i].advice) ? errno : 0, "%s on a locked range",
             advices[i].name);
  remove_file(&file);
}

void measure_locking(void) {
  struct file file = make_file("locking", 256 * MIB);
  fill_large_folios(&file);
  cost_of_locking(&file, "large folios");
  fill_small_folios(&file);
  cost_of_locking(&file, "4 KiB folios");
  struct file asked = make_file("asked", WINDOW);
  fill_small_folios(&asked);
  map_all(&asked);
  const char* beside[] = {"with no other thread", "beside a thread that locks and unlocks 1,000 scattered pages",
                          "beside a thread that locks and unlocks 48 MiB, 2 MiB a call",
                          "beside a thread that locks and unlocks 48 MiB in one call"};
  for (int does = NOTHING; does <= WINDOWS; does++) {
    for (int scattered_question = 0; scattered_question < 2; scattered_question++) {
      char name[160];
      snprintf(name, sizeof name, "%s %s", scattered_question ? "move_pages" : "mincore", beside[does]);
      question_beside(&asked, scattered_question, &file, does, name);
    }
  }
  remove_file(&asked);
  remove_file(&file);
  what_a_cut_unmaps(false);
  what_a_cut_unmaps(true);
  beside_reclaim();
  stays(by_fadvise, "POSIX_FADV_DONTNEED");
  stays(by_direct_write, "an O_DIRECT write over them");
  stays(by_punching, "a hole was punched");
  advice_on_locked();
}
