// What looks at many files, as JavaScript sees it (Addon in src/native/inspection.ts): a batch of them, and folders.
#pragma once

#include <napi.h>

namespace nofault {

// `survey(names, bits, cells, folder?)`: names that end with zero bytes.
Napi::Value surveyFiles(const Napi::CallbackInfo& info);

// `openFolder(name, follow)` and `openFolder(name, follow, parent, most, bits?, cells?)`: a promise of a NativeFolder.
Napi::Value openFolder(const Napi::CallbackInfo& info);

// `readFolder(folder, most, bits?, cells?)`: its next entries, the regular files of them looked at where a question is
// given.
Napi::Value readFolder(const Napi::CallbackInfo& info);

// `closeFolder(folder)`: on a thread, once nothing works on it any more.
void closeFolder(const Napi::CallbackInfo& info);

}  // namespace nofault
