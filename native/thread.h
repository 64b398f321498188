// Threads of the process that nobody joins: they may be waiting for a device when it ends.
#pragma once

namespace nofault {

// Starts a thread with a small stack that no signal disturbs; false when the system has none to give.
bool startThread(const char* name, void* (*main)(void*), void* argument);

}  // namespace nofault
