// Environments without JavaScript: what native/environment.cc does, for programs that have no event loop. What is
// handed to one is kept, and can be taken from any thread.
#pragma once

#include <memory>
#include <vector>

#include "../../native/environment.h"

std::shared_ptr<nofault::Environment> startEnvironment();
// From now on it takes nothing, as when a worker has ended.
void endEnvironment(nofault::Environment& environment);
// What has been handed to it since it was last asked.
std::vector<nofault::Completion> takeCompletions(nofault::Environment& environment);
