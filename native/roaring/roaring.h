// Registration of what works on bitmaps: checksums, and what builds and combines containers.
#pragma once

#include <napi.h>

namespace nofault {

void defineRoaring(Napi::Env env, Napi::Object exports);

}  // namespace nofault
