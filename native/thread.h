// Threads of the process that nobody joins: they may be waiting for a device when it ends.
#pragma once

#include <cstdint>

namespace nofault {

// How a thread shares processors with others, event loops above all. All but the last have the share that is theirs in
// the long run.
enum class Manner : uint8_t {
  prompt,    // has little to do at a time
  giving,    // lets who wakes up go first
  yielding,  // and never takes a processor from anybody when it wakes up itself
  last       // has what nobody else wants: next to nothing on a busy machine
};

// Starts a thread with a small stack that no signal disturbs; false when the system has none to give.
bool startThread(const char* name, Manner manner, void* (*main)(void*), void* argument);

}  // namespace nofault
