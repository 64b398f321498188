// What brings pages of files in and drops them, as JavaScript sees it (Addon in src/native/inspection.ts).
#pragma once

#include <napi.h>

namespace nofault {

// `openCached(path, root?)`: a promise of a NativeCachedFile.
Napi::Value openCached(const Napi::CallbackInfo& info);

// `residencyOf(file, first, count)`, `missing(file, from, to)`, `bringIn(file, edges)`, `drop(file, first, count,
// flush)`: on threads; in pages.
Napi::Value residencyOf(const Napi::CallbackInfo& info);
Napi::Value findMissing(const Napi::CallbackInfo& info);
Napi::Value bringIn(const Napi::CallbackInfo& info);
Napi::Value drop(const Napi::CallbackInfo& info);

// `closeCached(file)`: on a thread, once nothing works on it any more.
void closeCached(const Napi::CallbackInfo& info);

}  // namespace nofault
