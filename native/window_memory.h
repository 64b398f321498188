// What V8 believes about the memory of windows. They are pages of files, so V8 must not collect garbage to get rid of
// them; yet it has to find those that were given up, and its count of external memory must never fall below zero, for
// newer versions abort then (docs/kernel.md).
#pragma once

#include <napi.h>

#include "window.h"

namespace nofault {

// Takes the memory of `buffer` in charge, over which a window will be placed: V8 no longer counts it, and it belongs to
// no file. The buffer that is returned, the window's board, has to be kept as long as the window's.
Napi::Value adoptMemory(Napi::Env env, Napi::Buffer<char> buffer);

// The window that waits there to be placed; null when there is none.
std::shared_ptr<Window> adoptedWindow(Napi::Env env, char* base);

// It has been placed, and says where: the guard looks after it for as long as it is mapped.
void memoryPlaced(Napi::Env env, Window& window);

// Takes a window off the file at once: all its views get length 0, and its owner unmaps it soon. Returns 0 or the
// errno.
int detachMemory(Napi::Env env, Window& window, Napi::ArrayBuffer memory);

// Leaves a window to the garbage collector, which unmaps it after its last view. V8 has to count it again before that
// (`Environment::owed`).
void giveUpMemory(Napi::Env env, Window& window);

// Whether a thread still reads the window that was given up there: its memory must not go meanwhile.
bool isMemoryRead(Napi::Env env, char* base);

// Ends the views of a window that was given up, or lets go of memory that was adopted in vain. Returns 0, the errno, or
// -1 when it is neither.
int detachLeftMemory(Napi::Env env, Napi::ArrayBuffer memory);

}  // namespace nofault
