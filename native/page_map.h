// A PageMap as JavaScript sees it (PageMap in src/native/file.ts).
#pragma once

#include <napi.h>

#include "residency_map.h"

namespace nofault {

// Takes the lengths out of the map, which are not copied.
Napi::Value showPageMap(Napi::Env env, PageMap& map);

}  // namespace nofault
