// Whether pages that are used all the time stay in memory beside a scan that needs more than there is: a hot set in a
// memory cgroup, mapped with and without MADV_RANDOM. Needs root and the memory controller (cgroup v1 or v2).
#include <sys/wait.h>

#include "measure.h"
#include "topics.h"

static const size_t limit = 256ul * MIB, hot_bytes = 64ul * MIB, cold_bytes = 2048ul * MIB;

static bool put(const char* folder, const char* name, const char* text) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_WRONLY);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) > 0;
  close(fd);
  return done;
}

static bool make_group(char* folder, size_t size) {
  const char* roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
  char bytes[32];
  snprintf(bytes, sizeof bytes, "%zu", limit);
  for (int i = 0; i < 2; i++) {
    snprintf(folder, size, "%s/nofault-kernel-%d", roots[i], getpid());
    if (mkdir(folder, 0755) != 0) continue;
    if (put(folder, "memory.limit_in_bytes", bytes) || put(folder, "memory.max", bytes)) return true;
    rmdir(folder);
  }
  return false;
}

struct hot {
  struct file* file;
  volatile bool* ended;
  double touches, major;
};

static void* keep_using(void* argument) {
  struct hot* hot = argument;
  while (!*hot->ended) {
    long before = thread_waits().major;
    for (size_t page = 0; page < hot->file->pages; page++)
      must(holds_own_number(hot->file, page), "the page's own number");
    hot->major += thread_waits().major - before;
    hot->touches += hot->file->pages;
    sleep_us(10000);
  }
  return NULL;
}

enum scan { MAPPED, MAPPED_THEN_COLD, BY_PREAD };

static void scan_once(struct file* file, enum scan how) {
  enum { CHUNK = 128 * KIB, AHEAD = 512 * KIB };
  static char block[CHUNK];
  posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
  for (size_t at = 0; at < file->bytes; at += CHUNK) {
    if (at + AHEAD < file->bytes) posix_fadvise(file->fd, at + AHEAD, CHUNK, POSIX_FADV_WILLNEED);
    if (how == BY_PREAD) {
      must(pread(file->fd, block, CHUNK, at) == CHUNK, "pread");
      continue;
    }
    must(madvise(file->map + at, CHUNK, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
    for (size_t page = at / PAGE; page < (at + CHUNK) / PAGE; page++)
      must(holds_own_number(file, page), "the page's own number");
    if (how == MAPPED_THEN_COLD) must(madvise(file->map + at, CHUNK, MADV_COLD) == 0, "MADV_COLD");
  }
}

// Runs in a child that lives in the group, so that all that it reads is charged there. Answers through shared memory.
static void both(struct file* hot_file, struct file* cold_file, int advice, enum scan how, double* answer) {
  volatile bool ended = false;
  must(madvise(hot_file->map, hot_file->bytes, advice) == 0, "madvise");
  for (size_t at = 0; at < hot_file->bytes; at += MIB) madvise(hot_file->map + at, MIB, MADV_WILLNEED);
  map_all(hot_file);
  struct hot hot = {.file = hot_file, .ended = &ended};
  pthread_t thread;
  pthread_create(&thread, NULL, keep_using, &hot);
  sleep_us(300000);
  double from = now_us();
  for (int pass = 0; pass < (quick ? 1 : 2); pass++) scan_once(cold_file, how);
  double us = now_us() - from;
  ended = true;
  pthread_join(thread, NULL);
  answer[0] = hot.major / hot.touches * 100;
  answer[1] = (quick ? 1 : 2) * (double)cold_file->bytes / us;
}

static void beside(struct file* hot, struct file* cold, int advice, enum scan how, const char* name) {
  double lost[16], speed[16];
  double* answer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int r = 0; r < 3; r++) {
    char folder[512];
    if (!make_group(folder, sizeof folder)) {
      narrate("recency: skipped, a memory cgroup could not be made (root, and the memory controller, are needed)");
      break;
    }
    evict(hot);
    evict(cold);
    pid_t child = fork();
    if (child == 0) {
      must(put(folder, "cgroup.procs", "0"), "enter the cgroup");
      both(hot, cold, advice, how, answer);
      _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0) == child && status == 0, "the child in the cgroup");
    lost[r] = answer[0], speed[r] = answer[1];
    evict(hot);
    evict(cold);
    rmdir(folder);
    if (r < 2) continue;
    fact("recency", "%", spread_of(lost, 3), "touches of a hot set that waited for the device; %s", name);
    fact("recency", "MB/s", spread_of(speed, 3), "the scan beside it; %s", name);
  }
  munmap(answer, PAGE);
}

void measure_recency(void) {
  struct file hot = make_file("hot", hot_bytes), cold = make_file("scan", cold_bytes);
  beside(&hot, &cold, MADV_RANDOM, MAPPED, "hot mapped MADV_RANDOM, scan mapped");
  beside(&hot, &cold, MADV_NORMAL, MAPPED, "hot mapped MADV_NORMAL, scan mapped");
  beside(&hot, &cold, MADV_NORMAL, MAPPED_THEN_COLD, "hot mapped MADV_NORMAL, scan mapped, then MADV_COLD");
  beside(&hot, &cold, MADV_NORMAL, BY_PREAD, "hot mapped MADV_NORMAL, scan by pread");
  remove_file(&hot);
  remove_file(&cold);
}
