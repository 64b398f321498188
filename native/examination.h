// `probe` of the door (src/native/inspection.ts): tries out what this kernel and one file allow, on a fetcher's thread.
#pragma once

#include <napi.h>

namespace nofault {

// `probe(path?)`: a path as a Buffer. Returns a promise of what was found out; it rejects as `open` does.
Napi::Value probeMachineOrFile(const Napi::CallbackInfo& info);

}  // namespace nofault
