// What every topic of the kernel measurements shares: a clock, test files whose pages can be told apart, eviction that
// is verified, medians, and one way to print a fact. A measurement that cannot be trusted (an eviction that did not
// happen, a call that failed) ends the program rather than print a figure.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

enum { PAGE = 4096, KIB = 1024, MIB = 1024 * 1024 };

// A test file, mapped whole, shared and read-only. Each page starts with its own number; the rest is noise, so that no
// layer below can shrink it.
struct file {
  char path[512];
  int fd;
  unsigned char* map;
  size_t bytes, pages;
};

struct spread {
  double median, low, high;
};

// How a run of the program was asked for.
extern const char* scratch_folder;
extern bool quick;
extern int repeats;

double now_us(void);
void sleep_us(double us);
void stop(const char* what) __attribute__((noreturn));
void must(bool holds, const char* what);

struct file make_file(const char* name, size_t bytes);
void remove_file(struct file* file);
bool holds_own_number(const struct file* file, size_t page);

// Lets go of what is mapped and cached, and returns only once mincore and cachestat say that nothing is left.
void evict(struct file* file);
// Reads the file once past the page cache. What lies below the kernel (the cache of a host or of a disk) would
// otherwise decide the figures: it makes a block that was read lately ten times faster than one that was not.
void level_what_lies_below(struct file* file);
size_t resident_pages(const struct file* file, size_t first, size_t count);
bool is_resident(const struct file* file, size_t page);

// Brings the file into the page cache: in the kernel's largest folios (sequential read-ahead), or one 4 KiB folio a
// page (random reads).
void fill_large_folios(struct file* file);
void fill_small_folios(struct file* file);
void map_all(struct file* file);

uint64_t noise(void);
// Distinct pages below `pages`, in random order.
size_t* random_pages(size_t count, size_t pages);
void sort_pages(size_t* pages, size_t count);

// Sorts in place.
double percentile(double* values, size_t count, double percent);
struct spread spread_of(double* values, size_t count);

// One line of data: topic, name, unit, median, lowest and highest of the repeats.
void fact(const char* topic, const char* unit, struct spread value, const char* name, ...)
    __attribute__((format(printf, 4, 5)));
void fact_one(const char* topic, const char* unit, double value, const char* name, ...)
    __attribute__((format(printf, 4, 5)));
void narrate(const char* text, ...) __attribute__((format(printf, 1, 2)));

struct waits {
  long major, minor, voluntary;
};
struct waits thread_waits(void);
