#include "window_memory.h"

#include "environment.h"
#include "guard.h"

namespace nofault {

namespace {

struct Memory {
  std::shared_ptr<Window> window;
  char* base;
  int64_t length;
  int owners = 2;           // the window's buffer and its herald
  bool placed = false;      // in a table
  bool givenUp = false;     // it was in a table, and is left to the garbage collector
  bool mapped = true;       // counted in mappedWindows
  bool discounted = false;  // V8 has been told not to count it, and must be told otherwise before it loses it
};

void adjust(napi_env env, int64_t bytes) {
  int64_t total = 0;
  napi_adjust_external_memory(env, bytes, &total);
}

// V8 counts the memory again. Before V8 loses it, and not after.
void recount(napi_env env, Memory& memory) {
  if (memory.discounted) adjust(env, memory.length);
  memory.discounted = false;
}

void release(Memory* memory) {
  if (--memory->owners == 0) delete memory;
}

void onCollected(napi_env env, void* data, void*) {
  auto* memory = static_cast<Memory*>(data);
  auto& left = Environment::of(env)->windowsNotPlaced;
  const auto known = left.find(memory->base);
  if (known != left.end() && known->second == memory) left.erase(known);
  if (memory->mapped) {
    --mappedWindows;
    guard::forget(*memory->window);
  }
  if (memory->placed) --placedWindows;
  release(memory);
}

// When an environment ends, Node detaches its external buffers, the newest first, before it runs any hook. A buffer
// that is made right after a window's, and kept as long, therefore goes just before it. It is the window's board.
Napi::Value herald(Napi::Env env, Memory* memory) {
  auto* board = reinterpret_cast<char*>(&memory->window->board.memory);
  try {
    return Napi::Buffer<char>::New(env, board, sizeof(Board::Memory), [memory](Napi::Env env, char*) {
      memory->window->end();
      recount(env, *memory);
      release(memory);
    });
  } catch (const Napi::Error&) {
    release(memory);
    throw;
  }
}

int detach(Napi::Env env, Memory& memory, Napi::ArrayBuffer arrayBuffer) {
  memory.window->end();
  recount(env, memory);
  memory.mapped = false;
  --mappedWindows;
  guard::forget(*memory.window);
  napi_detach_arraybuffer(env, arrayBuffer);
  // In this very turn: once the owner has unmapped the range, it may belong to somebody else.
  return coverWindow(memory.base, static_cast<uint64_t>(memory.length));
}

// The window is no longer in a table.
Memory& displace(Window& window) {
  auto* memory = static_cast<Memory*>(window.owner);
  memory->placed = false;
  --placedWindows;
  return *memory;
}

}  // namespace

Napi::Value adoptMemory(Napi::Env env, Napi::Buffer<char> buffer) {
  auto window = std::make_shared<Window>(buffer.Data(), buffer.Length() / kernel::pageSize());
  auto* memory = new Memory{window, buffer.Data(), static_cast<int64_t>(buffer.Length())};
  window->owner = memory;
  ++mappedWindows;
  Environment::of(env)->windowsNotPlaced[memory->base] = memory;
  // Views keep the ArrayBuffer alive, not the Buffer; so it is the ArrayBuffer whose end counts.
  napi_add_finalizer(env, buffer.ArrayBuffer(), memory, onCollected, nullptr, nullptr);
  // The herald first: an environment that is being terminated refuses it, and then nothing has been told to V8.
  Napi::Value guard = herald(env, memory);
  adjust(env, -memory->length);
  memory->discounted = true;
  return guard;
}

std::shared_ptr<Window> adoptedWindow(Napi::Env env, char* base) {
  const auto& left = Environment::of(env)->windowsNotPlaced;
  const auto known = left.find(base);
  if (known == left.end()) return nullptr;
  const auto* memory = static_cast<Memory*>(known->second);
  return memory->discounted && !memory->givenUp ? memory->window : nullptr;
}

void memoryPlaced(Napi::Env env, Window& window) {
  static_cast<Memory*>(window.owner)->placed = true;
  Environment::of(env)->windowsNotPlaced.erase(window.base);
  ++placedWindows;
  guard::watchOver(window);
}

int detachMemory(Napi::Env env, Window& window, Napi::ArrayBuffer memory) {
  return detach(env, displace(window), memory);
}

void giveUpMemory(Napi::Env env, Window& window) {
  Memory& memory = displace(window);
  const std::shared_ptr<Environment>& environment = Environment::of(env);
  if (memory.discounted) environment->owe(memory.length);
  memory.discounted = false;
  guard::uncount(window);
  memory.givenUp = true;
  environment->windowsNotPlaced[memory.base] = &memory;
}

bool isMemoryRead(Napi::Env env, char* base) {
  const auto& left = Environment::of(env)->windowsNotPlaced;
  const auto known = left.find(base);
  return known != left.end() && static_cast<Memory*>(known->second)->window->readers > 0;
}

int detachLeftMemory(Napi::Env env, Napi::ArrayBuffer arrayBuffer) {
  auto& left = Environment::of(env)->windowsNotPlaced;
  const auto known = left.find(arrayBuffer.Data());
  if (known == left.end()) return -1;
  auto* memory = static_cast<Memory*>(known->second);
  left.erase(known);
  return detach(env, *memory, arrayBuffer);
}

}  // namespace nofault
