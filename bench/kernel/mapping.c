// Windows: what mapping, emptying and unmapping one costs, what lies at offsets beyond 4 GiB, who is told the truth
// about residency, who waits for the lock of the address space, and what advice does to a range that is no longer the
// window that it was meant for.
#include <stdatomic.h>
#include <sys/wait.h>

#include "questions.h"
#include "topics.h"

enum { WINDOW = 48 * MIB };

static unsigned char* reserve(size_t bytes) {
  void* at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must(at != MAP_FAILED, "reserve addresses");
  return at;
}

static void place(unsigned char* at, size_t bytes, int fd, off_t offset) {
  must(mmap(at, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset) == at, "mmap with MAP_FIXED");
}

static void cost_of_a_window(struct file* file, const char* kind) {
  double placed[16], untouched[16], full[16], emptying[16], emptied[16];
  for (int r = 0; r < repeats; r++) {
    unsigned char* at = reserve(WINDOW);
    double from = now_us();
    place(at, WINDOW, file->fd, 0);
    placed[r] = now_us() - from;
    from = now_us();
    munmap(at, WINDOW);
    untouched[r] = now_us() - from;
    for (int empty = 0; empty < 2; empty++) {
      at = reserve(WINDOW);
      place(at, WINDOW, file->fd, 0);
      must(madvise(at, WINDOW, MADV_POPULATE_READ) == 0, "MADV_POPULATE_READ");
      from = now_us();
      if (empty) must(madvise(at, WINDOW, MADV_DONTNEED) == 0, "MADV_DONTNEED");
      if (empty) emptying[r] = now_us() - from;
      from = now_us();
      munmap(at, WINDOW);
      (empty ? emptied : full)[r] = now_us() - from;
    }
  }
  fact("mapping", "us", spread_of(placed, repeats), "mmap of a 48 MiB window with MAP_FIXED, %s", kind);
  fact("mapping", "us", spread_of(untouched, repeats), "munmap of a window that was never touched, %s", kind);
  fact("mapping", "us", spread_of(full, repeats), "munmap of a fully mapped window, %s", kind);
  fact("mapping", "us", spread_of(emptying, repeats), "MADV_DONTNEED of a fully mapped window, %s", kind);
  fact("mapping", "us", spread_of(emptied, repeats), "munmap of a window after MADV_DONTNEED, %s", kind);
}

static void beyond_four_gib(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/nofault-kernel-%d-far", scratch_folder, getpid());
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  must(fd >= 0 && ftruncate(fd, 15l << 40) == 0, "a sparse file of 15 TiB");
  unlink(path);
  unsigned char* at = reserve(WINDOW);
  const off_t offsets[] = {1l << 32, (1l << 32) + 5 * MIB, 1l << 34, (1l << 43) + WINDOW};
  int right = 0;
  for (int i = 0; i < 4; i++) {
    uint64_t mark = noise(), seen;
    must(pwrite(fd, &mark, 8, offsets[i] + 4096) == 8, "pwrite a mark");
    place(at, WINDOW, fd, offsets[i]);
    memcpy(&seen, at + 4096, 8);
    right += seen == mark;
  }
  fact_one("mapping", "of 4", right,
           "marks at 4 GiB, 4 GiB + 5 MiB, 16 GiB and 8 TiB found through MAP_FIXED over one range");
  munmap(at, WINDOW);
  close(fd);
}

// What a caller who may only read is told about a file of which nothing is cached.
static void ask_as(struct file* file, uid_t user, const char* who) {
  double* answers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    int pagemap = open("/proc/self/pagemap", O_RDONLY);
    if (user != 0 && (setgid(user) != 0 || setuid(user) != 0)) _exit(1);
    int fd = open(file->path, O_RDONLY);
    unsigned char bits[1025];
    unsigned char* map = mmap(NULL, sizeof bits * PAGE, PROT_READ, MAP_SHARED, fd, file->bytes - 1024 * PAGE);
    if (fd < 0 || map == MAP_FAILED || mincore(map, sizeof bits * PAGE, bits) != 0) _exit(2);
    for (int i = 0; i < 1024; i++) answers[0] += bits[i] & 1;
    answers[1] = bits[1024] & 1;
    struct cachestat_answer answer;
    answers[2] = cachestat_of(fd, 0, 0, &answer) == 0 ? 0 : errno;
    void* address = map;
    int status = 0;
    if (move_pages_query(1, &address, &status) != 0) status = -errno;
    answers[3] = status;
    char block[PAGE];
    struct iovec into = {block, PAGE};
    answers[4] = preadv2(fd, &into, 1, file->bytes - 1024 * PAGE, RWF_NOWAIT) < 0 ? errno : 0;
    uint64_t entry = 0;
    answers[5] = pread(pagemap, &entry, 8, (uintptr_t)map / PAGE * 8) == 8 ? (double)(entry >> 63) : -1;
    answers[6] = madvise(map, PAGE, MADV_POPULATE_READ) ? errno : 0;
    if (move_pages_query(1, &address, &status) != 0) status = -errno;
    answers[7] = status;
    _exit(0);
  }
  int status;
  must(waitpid(child, &status, 0) == child && status == 0, "the child that asks");
  fact_one("mapping", "of 1024", answers[0], "evicted pages that mincore calls resident, asked by %s", who);
  fact_one("mapping", "bit", answers[1], "mincore about the page past the end of the file, asked by %s", who);
  fact_one("mapping", "errno", answers[2], "cachestat, asked by %s", who);
  fact_one("mapping", "status", answers[3], "move_pages' status of an evicted page, asked by %s", who);
  fact_one("mapping", "errno", answers[4], "preadv2(RWF_NOWAIT) of an evicted page, asked by %s", who);
  fact_one("mapping", "bit", answers[5], "present bit of an evicted page in /proc/self/pagemap, asked by %s", who);
  fact_one("mapping", "errno", answers[6], "POPULATE_READ, asked by %s", who);
  fact_one("mapping", "status", answers[7], "move_pages' status of it after that, asked by %s", who);
  munmap(answers, PAGE);
}

struct crowd {
  pthread_t thread;
  struct file* file;
  enum { POPULATING, MAPPING, REMAPPING_EMPTIED } does;
  _Atomic bool* ended;
};

static void* disturb(void* argument) {
  struct crowd* c = argument;
  while (!*c->ended) {
    if (c->does == POPULATING) {
      unsigned char* page = c->file->map + (noise() % c->file->pages) * PAGE;
      madvise(page, PAGE, MADV_WILLNEED);
      madvise(page, PAGE, MADV_POPULATE_READ);
    } else {
      unsigned char* at = reserve(WINDOW);
      place(at, WINDOW, c->file->fd, 0);
      madvise(at, WINDOW, MADV_POPULATE_READ);
      if (c->does == REMAPPING_EMPTIED) madvise(at, WINDOW, MADV_DONTNEED);
      munmap(at, WINDOW);
    }
  }
  return NULL;
}

enum question { MINCORE, MOVE_PAGES, NOWAIT, TOUCH };

static void question_beside(struct file* asked, enum question question, struct file* file, int threads, int does,
                            const char* name) {
  enum { MOST = 4000000 };
  _Atomic bool ended = false;
  struct crowd crowd[8];
  for (int t = 0; t < threads; t++) {
    crowd[t] = (struct crowd){.file = file, .does = does, .ended = &ended};
    pthread_create(&crowd[t].thread, NULL, disturb, &crowd[t]);
  }
  double* us = malloc(MOST * sizeof *us);
  size_t calls = 0;
  unsigned char bit, sum = 0;
  char block[PAGE];
  int status;
  struct waits before = thread_waits();
  for (double end = now_us() + (quick ? 1e6 : 3e6), from = now_us(); from < end && calls < MOST; calls++) {
    size_t page = noise() % asked->pages;
    void* address = asked->map + page * PAGE;
    struct iovec into = {block, PAGE};
    if (question == MINCORE) mincore(address, PAGE, &bit);
    if (question == MOVE_PAGES) move_pages_query(1, &address, &status);
    if (question == NOWAIT) preadv2(asked->fd, &into, 1, page * PAGE, RWF_NOWAIT);
    if (question == TOUCH) sum += *(volatile unsigned char*)address;
    double now = now_us();
    us[calls] = now - from;
    from = now;
  }
  struct waits after = thread_waits();
  ended = true;
  for (int t = 0; t < threads; t++) pthread_join(crowd[t].thread, NULL);
  fact_one("mapping", "us", percentile(us, calls, 50), "%s: p50", name);
  fact_one("mapping", "us", percentile(us, calls, 99), "%s: p99", name);
  fact_one("mapping", "per million", (after.voluntary - before.voluntary) * 1e6 / calls, "%s: calls that slept", name);
  (void)sum;
  free(us);
}

struct late {
  unsigned char* at;
  _Atomic bool* ended;
  size_t calls, refused[200];
};

static void* advise_late(void* argument) {
  struct late* late = argument;
  while (!*late->ended) {
    unsigned char* at = late->at + noise() % (WINDOW / (128 * KIB)) * 128 * KIB;
    for (int i = 0; i < 2; i++) {
      int error = madvise(at, 128 * KIB, i ? MADV_POPULATE_READ : MADV_WILLNEED) ? errno : 0;
      late->calls++;
      late->refused[error < 200 ? error : 199]++;
    }
  }
  return NULL;
}

// Two threads keep advising a range while it changes hands: a window, nothing, anonymous read-only memory, somebody
// else's memory with contents.
static void late_advice(struct file* file) {
  _Atomic bool ended = false;
  unsigned char* at = reserve(WINDOW);
  struct late late[2] = {{.at = at, .ended = &ended}, {.at = at, .ended = &ended}};
  pthread_t threads[2];
  for (int t = 0; t < 2; t++) pthread_create(&threads[t], NULL, advise_late, &late[t]);
  size_t changed = 0, rounds = 0;
  for (double end = now_us() + (quick ? 2e6 : 6e6); now_us() < end; rounds++) {
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    place(at, WINDOW, file->fd, 0);
    for (int i = 0; i < 50; i++) {
      size_t page = noise() % (WINDOW / PAGE);
      uint64_t number;
      memcpy(&number, at + page * PAGE, 8);
      changed += number != page;
    }
    must(mmap(at, WINDOW, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at, "cover the window");
    for (int i = 0; i < 50; i++) changed += at[noise() % WINDOW] != 0;
    munmap(at, WINDOW);
    sleep_us(200);
    uint64_t* memory =
        mmap(at, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    must(memory != MAP_FAILED, "mmap memory");
    for (size_t i = 0; i < WINDOW / 8; i += 4096) memory[i] = i + rounds;
    sleep_us(200);
    for (size_t i = 0; i < WINDOW / 8; i += 4096) changed += memory[i] != i + rounds;
  }
  ended = true;
  for (int t = 0; t < 2; t++) pthread_join(threads[t], NULL);
  fact_one("mapping", "rounds", rounds,
           "late advice: times that the range went from window to cover to nothing to memory");
  fact_one("mapping", "bytes", changed, "late advice: reads that saw other contents than they should");
  for (int error = 0; error < 200; error++) {
    size_t count = late[0].refused[error] + late[1].refused[error];
    if (count)
      fact_one("mapping", "calls", count, "late advice: calls that returned %s", error ? strerror(error) : "success");
  }
  munmap(at, WINDOW);
}

void measure_mapping(void) {
  struct file window = make_file("window", WINDOW);
  fill_large_folios(&window);
  cost_of_a_window(&window, "large folios");
  fill_small_folios(&window);
  cost_of_a_window(&window, "4 KiB folios");
  beyond_four_gib();

  must(fchmod(window.fd, 0644) == 0, "fchmod");
  evict(&window);
  ask_as(&window, 0, "root");
  if (geteuid() == 0) {
    evict(&window);
    ask_as(&window, 65534, "a stranger (uid 65534) to a file of root's with mode 0644");
  } else {
    narrate("mapping: what a stranger is told needs root");
  }

  struct file other = make_file("other", (quick ? 512ul : 2048ul) * MIB);
  fill_small_folios(&window);
  map_all(&window);
  const char* questions[] = {"mincore", "move_pages", "preadv2(RWF_NOWAIT)", "a touch of a mapped page"};
  for (int q = MINCORE; q <= TOUCH; q++) {
    char name[128];
    snprintf(name, sizeof name, "%s with no other thread", questions[q]);
    question_beside(&window, q, &other, 0, POPULATING, name);
    snprintf(name, sizeof name, "%s beside 8 threads that request and populate missing pages", questions[q]);
    evict(&other);
    question_beside(&window, q, &other, 8, POPULATING, name);
    snprintf(name, sizeof name, "%s beside a thread that maps, fills and unmaps windows", questions[q]);
    question_beside(&window, q, &other, 1, MAPPING, name);
    snprintf(name, sizeof name, "%s beside a thread that maps, fills, empties and unmaps windows", questions[q]);
    question_beside(&window, q, &other, 1, REMAPPING_EMPTIED, name);
  }
  remove_file(&other);
  late_advice(&window);
  remove_file(&window);
}
