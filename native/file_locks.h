// Locking as JavaScript sees it: what NativeFile and Addon in src/native/file.ts say about locks. Checks arguments, has
// native/lock do the work on a thread, and turns the outcome into values.
#pragma once

#include <napi.h>

#include <memory>

#include "open_file.h"

namespace nofault {

// `join(first, count)`: a promise of the vector's edges.
Napi::Value join(const Napi::CallbackInfo& info);
// `findRoom(bytes, cuts)`: a promise of a refusal, or of undefined.
Napi::Value findRoomToLock(const Napi::CallbackInfo& info);

// The methods `lock`, `unlock` (edges, cuts), `confirm` (edges) and `endLocks` (window indexes) of an open file.
Napi::Value lockPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file);
Napi::Value unlockPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file);
Napi::Value confirmPages(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file);
Napi::Value endPageLocks(const Napi::CallbackInfo& info, const std::shared_ptr<OpenFile>& file);

}  // namespace nofault
