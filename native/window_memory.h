// What V8 believes about the memory of windows. They are pages of files, so V8 must not collect garbage to get rid of
// them; yet it has to find those that were given up, and its count of external memory must never fall below zero, for
// newer versions abort then (docs/kernel.md).
#pragma once

#include <napi.h>

#include "window.h"

namespace nofault {

// Takes a window's memory in charge, which has just been placed over `buffer`: V8 no longer counts it, and the guard
// looks after it for as long as it is mapped. The buffer that is returned, the window's board, has to be kept as long
// as the window's.
Napi::Value adoptMemory(Napi::Env env, Napi::Buffer<char> buffer, Window& window);

// Takes a window off the file at once: all its views get length 0, and its owner unmaps it soon. Returns 0 or the
// errno.
int detachMemory(Napi::Env env, Window& window, Napi::ArrayBuffer memory);

// Leaves a window to the garbage collector, which unmaps it after its last view. V8 has to count it again before that
// (`Environment::owed`).
void giveUpMemory(Napi::Env env, Window& window);

// Ends the views of a window that was given up. Returns 0, the errno, or -1 when it is none.
int detachGivenUpMemory(Napi::Env env, Napi::ArrayBuffer memory);

}  // namespace nofault
