// A judge and an opponent that have nothing in common with the addon.
//
// page-cache resident PATH
//   Prints a character for each page of the file: 1 where it is in the page cache, else 0.
// page-cache page-out PATH PID...
//   Has the kernel reclaim the file's pages from these processes, which have mapped them, as a manager of memory would
//   (process_madvise, MADV_PAGEOUT); and from its own mapping, for what nobody maps.
// page-cache cold PATH PID...
//   The same with MADV_COLD: they are to be the next to go when memory is short.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

static int failed(const char* what) {
  fprintf(stderr, "page-cache: %s: %s\n", what, strerror(errno));
  return 1;
}

static int resident(const char* bytes, size_t pages, size_t size) {
  unsigned char* states = malloc(pages + 1);
  if (states == NULL) return failed("malloc");
  if (mincore((void*)bytes, pages * size, states) != 0) return failed("mincore");
  for (size_t i = 0; i < pages; i++) states[i] = states[i] & 1 ? '1' : '0';
  states[pages] = '\n';
  fwrite(states, 1, pages + 1, stdout);
  free(states);
  return 0;
}

static int advise(const struct stat* file, const char* pid, int advice) {
  const int process = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
  if (process < 0) return failed("pidfd_open");
  char path[64], line[8192];
  snprintf(path, sizeof path, "/proc/%s/maps", pid);
  FILE* maps = fopen(path, "re");
  if (maps == NULL) return failed(path);
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long from, to, inode;
    unsigned int major, minor;
    if (sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", &from, &to, &major, &minor, &inode) != 5) continue;
    if (inode != file->st_ino || makedev(major, minor) != file->st_dev) continue;
    struct iovec range = {(void*)from, to - from};
    // What it does not get to is told by the judge, not by its answer.
    if (syscall(SYS_process_madvise, process, &range, 1UL, advice, 0UL) < 0 && errno != ENOMEM && errno != EAGAIN)
      return failed("process_madvise");
  }
  fclose(maps);
  close(process);
  return 0;
}

int main(int count, char** words) {
  if (count < 3) {
    fprintf(stderr, "usage: page-cache resident PATH | page-cache page-out|cold PATH PID...\n");
    return 2;
  }
  const int fd = open(words[2], O_RDONLY | O_CLOEXEC);
  struct stat file;
  if (fd < 0 || fstat(fd, &file) != 0) return failed(words[2]);
  const size_t size = (size_t)sysconf(_SC_PAGESIZE), pages = ((size_t)file.st_size + size - 1) / size;
  char* bytes = pages == 0 ? NULL : mmap(NULL, pages * size, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) return failed("mmap");
  if (strcmp(words[1], "resident") == 0) return resident(bytes, pages, size);
  const int advice = strcmp(words[1], "cold") == 0 ? MADV_COLD : MADV_PAGEOUT;
  for (int i = 3; i < count; i++) {
    if (advise(&file, words[i], advice) != 0) return 1;
  }
  if (pages > 0) madvise(bytes, pages * size, advice);
  return 0;
}
