// A FUSE server of one file that sleeps before it answers a read: storage that is slow, not busy. It runs in a process
// of its own, because a process that maps a file must not be the one that serves it.
#pragma once
#include <stdatomic.h>

#include "measure.h"

struct slow_server {
  char folder[512];
  pid_t process;
  struct slow_control {
    _Atomic long delay_us;
    _Atomic long bad_page;  // -1: none; reads that touch it fail with EIO
    _Atomic long reads, pages;
  } * control;
};

// False where FUSE cannot be mounted.
bool start_slow_server(struct slow_server* server, size_t bytes);
void stop_slow_server(struct slow_server* server);
