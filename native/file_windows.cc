#include "file_windows.h"

#include <cmath>
#include <mutex>
#include <vector>

#include "arguments.h"
#include "background.h"
#include "errors.h"
#include "fetcher.h"
#include "kernel.h"
#include "window_memory.h"

namespace nofault {

namespace {

// A checked number of a window of the file.
uint64_t windowIn(Napi::Env env, double index, const OpenFile& file) {
  if (!(index >= 0 && index < static_cast<double>(file.windows.count()) && std::trunc(index) == index))
    throw refused(env, "a window that the file does not have");
  return static_cast<uint64_t>(index);
}

}  // namespace

void placeFileWindow(const Napi::CallbackInfo& info, OpenFile& file) {
  Napi::Env env = info.Env();
  const uint64_t number = windowIn(env, numberOf(env, info[0]), file);
  if (!info[1].IsBuffer()) throw refused(env, "a window without its buffer");
  auto buffer = info[1].As<Napi::Buffer<char>>();
  const uint64_t bytes = file.windows.pagesOf(number) * kernel::pageSize();
  if (buffer.Length() != bytes) throw refused(env, "a window of another length");
  if (file.windows.at(number)) throw refused(env, "a window that is placed already");
  std::shared_ptr<Window> window = adoptedWindow(env, buffer.Data());
  if (!window) throw refused(env, "a window in memory that was not adopted for one");
  const uint64_t first = file.windows.firstPage(number);
  const int error = placeWindow(buffer.Data(), bytes, file.fd, first * kernel::pageSize());
  if (error != 0) throw systemError(env, "a window of the file could not be mapped", error, "mmap");
  window->firstPage = first;
  window->file = file.state;
  memoryPlaced(env, *window);
  std::lock_guard lock(file.windowsMutex);
  file.windows.set(number, std::move(window));
}

Napi::Value adopt(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsBuffer()) throw refused(env, "to adopt anything but a buffer");
  auto buffer = info[0].As<Napi::Buffer<char>>();
  if (buffer.Length() == 0 || buffer.Length() > kWindowLength || buffer.Length() % kernel::pageSize() != 0)
    throw refused(env, "memory in which no window can lie");
  if (adoptedWindow(env, buffer.Data())) throw refused(env, "to adopt what it has adopted");
  // What the mapper has mapped there keeps its file open.
  const int error = coverWindow(buffer.Data(), buffer.Length());
  if (error != 0) throw systemError(env, "no room for a window", error, "mmap");
  return adoptMemory(env, buffer);
}

Napi::Value removeFileWindow(const Napi::CallbackInfo& info, OpenFile& file) {
  Napi::Env env = info.Env();
  const uint64_t number = windowIn(env, numberOf(env, info[0]), file);
  if (!info[1].IsBuffer()) throw refused(env, "a window without its buffer");
  const std::shared_ptr<Window> window = file.windows.at(number);
  auto buffer = info[1].As<Napi::Buffer<char>>();
  if (!window || buffer.Data() != window->base) throw refused(env, "to remove a window that is not placed there");
  window->alive = false;
  {
    std::lock_guard lock(file.windowsMutex);
    file.windows.set(number, nullptr);
  }
  // Nobody enters it any more. Who has may have lost his processor in it, or waits for a device.
  const bool ends = info[2].ToBoolean() && window->readers == 0;
  if (!ends) {
    giveUpMemory(env, *window);
  } else if (const int error = detachMemory(env, *window, buffer.ArrayBuffer())) {
    throw systemError(env, "a window could not be taken off the file", error, "mmap");
  }
  return Napi::Boolean::New(env, ends);
}

Napi::Value isRead(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArrayBuffer()) throw refused(env, "to ask about anything but an ArrayBuffer");
  return Napi::Boolean::New(env, isMemoryRead(env, static_cast<char*>(info[0].As<Napi::ArrayBuffer>().Data())));
}

void detachLeft(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArrayBuffer()) throw refused(env, "to detach anything but an ArrayBuffer");
  const int error = detachLeftMemory(env, info[0].As<Napi::ArrayBuffer>());
  if (error < 0) throw refused(env, "memory of a window in use, or of none");
  if (error > 0) throw systemError(env, "a window could not be taken off the file", error, "mmap");
}

Napi::Value isWindowIdle(const Napi::CallbackInfo& info, OpenFile& file) {
  Napi::Env env = info.Env();
  const uint64_t number = windowIn(env, numberOf(env, info[0]), file);
  // Under the lock nobody takes a share. The table has one and its memory has one; another is a job's or the watch's.
  std::lock_guard lock(file.windowsMutex);
  return Napi::Boolean::New(env, file.windows.at(number).use_count() <= 2);
}

Napi::Value emptyWindows(const Napi::CallbackInfo& info, OpenFile& file) {
  Napi::Env env = info.Env();
  auto indexes = arrayOf<Napi::Float64Array>(env, info[0]);
  auto windows = std::make_shared<std::vector<std::shared_ptr<Window>>>();
  for (size_t i = 0; i < indexes.ElementLength(); ++i) {
    if (auto window = file.windows.at(windowIn(env, indexes[i], file))) windows->push_back(std::move(window));
  }
  const auto gate = std::make_shared<Gate>();
  return onThreadBehind(
      gate, env, Fetcher::kMemory,
      [gate, windows] {
        for (const auto& window : *windows) {
          // Unlike other advice, this one would destroy what a new owner of the range had put there.
          std::lock_guard lock(gate->mutex);
          if (!gate->shut && window->alive.load(std::memory_order_acquire)) emptyWindow(*window);
        }
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace nofault
