// What builds an index file, as JavaScript has it: for each column a gathering, and merges of its runs. Everything that
// takes time happens on threads, on copies of what JavaScript hands over.
#pragma once

#include <napi.h>

namespace nofault {

// The class NativeBuild (src/native/bitmap.ts).
Napi::Function defineBuild(Napi::Env env);

}  // namespace nofault
