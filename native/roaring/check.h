// Checking of whole bitmaps as JavaScript sees it.
#pragma once

#include <napi.h>

namespace nofault {

// `checkContainers(header, from, to, bytes, before)`, as src/native/bitmap.ts says.
Napi::Value checkContainers(const Napi::CallbackInfo& info);

}  // namespace nofault
