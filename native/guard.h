// A bad touch inside a window becomes a recorded error instead of the end of the process: a file that was truncated,
// that fails or was revoked under its views (SIGBUS), and a write into a view (SIGSEGV). Reads then see zeros, writes
// go to a private copy of the page; FileState keeps what happened, and the window's marks say where.
//
// Every other fault goes to whoever handled it before.
#pragma once

#include <cstddef>

#include "window.h"

namespace nofault::guard {

// Windows that can be guarded at once.
constexpr size_t kMostWindows = size_t{1} << 20;

// Handles the two signals from now on; again, if somebody else has taken them since. Cheap when nothing has changed.
void install();

// From now on touches of the window are guarded. It must stay as it is until `forget`.
void watchOver(Window& window);
void forget(Window& window);
// Marks that were made in this process, ever. It grows before what was marked is covered: whoever has read pages, and
// finds it as it was before he asked whether they are resident, has read what the file has.
uint64_t marksMade();
// The window has been given up, and what was covered in it goes with it soon: it counts no more towards the limit.
void uncount(Window& window);

}  // namespace nofault::guard
