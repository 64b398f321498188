// Windows as JavaScript sees them: what NativeFile and FileAddon in src/native/file.ts say about placing and removing
// them. On the environment's own thread, but for emptying them.
#pragma once

#include <napi.h>

#include <memory>

#include "open_file.h"

namespace nofault {

// The methods `place` (index, buffer), `remove` (index, buffer, detach), `idle` (index) and `empty` (indexes) of an
// open file.
void placeFileWindow(const Napi::CallbackInfo& info, OpenFile& file);
Napi::Value removeFileWindow(const Napi::CallbackInfo& info, OpenFile& file);
Napi::Value isWindowIdle(const Napi::CallbackInfo& info, OpenFile& file);
Napi::Value emptyWindows(const Napi::CallbackInfo& info, OpenFile& file);

// `adopt(buffer)`: makes a buffer's memory room for a window; returns the window's board.
Napi::Value adopt(const Napi::CallbackInfo& info);

// `detach(arrayBuffer)`: ends the views of a window that was removed without, or lets go of what was adopted in vain.
// Whether a thread still reads a window that was removed.
Napi::Value isRead(const Napi::CallbackInfo& info);
void detachLeft(const Napi::CallbackInfo& info);

}  // namespace nofault
