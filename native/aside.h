// Work of scans is done aside: by a thread that has only what nobody else wants of the processors, so that event loops,
// and V8's own threads, find these as if they were free (docs/kernel.md).
//
// Such a thread must hold no lock that anybody else waits for, since it may be a long time until it goes on. So whoever
// has the work waits for it, and keeps the rest to himself.
#pragma once

#include <functional>

namespace nofault {

// Has another thread do `work`, which takes no locks but the allocator's for an instant, and waits until it is done; or
// does it itself, where the machine is so busy that the other one does not come to begin.
void aside(const std::function<void()>& work);

// Whether the calling thread does such work.
bool isAside();

}  // namespace nofault
