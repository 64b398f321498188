// Threads that work in the background step back now and then, so that an event loop that has become ready gets its
// processor now and not with the next tick (docs/kernel.md).
#pragma once

namespace nofault {

// Lets whoever else is ready go first. Where that takes long, the processors are busy: then the thread goes on for so
// much longer before it steps back again that it keeps four fifths of what it would have had.
void stepBack();

}  // namespace nofault
