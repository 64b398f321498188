#include "plain_map.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace baseline {

namespace {

const size_t kPageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));

Napi::Error failed(Napi::Env env, const char* call) {
  return Napi::Error::New(env, std::string(call) + " failed: " + std::strerror(errno));
}

class Stopwatch {
 public:
  double nanoseconds() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Reads through a volatile pointer: the compiler may neither drop nor gather the reads.
inline uint8_t byteAt(const uint8_t* address) { return *static_cast<const volatile uint8_t*>(address); }

int adviceNamed(Napi::Env env, const std::string& name) {
  if (name == "normal") return MADV_NORMAL;
  if (name == "random") return MADV_RANDOM;
  if (name == "sequential") return MADV_SEQUENTIAL;
  throw Napi::TypeError::New(env, "advice must be 'normal', 'random' or 'sequential', but '" + name + "' came");
}

}  // namespace

Napi::Function PlainMap::define(Napi::Env env) {
  return DefineClass(env, "PlainMap",
                     {InstanceMethod<&PlainMap::touch>("touch"), InstanceMethod<&PlainMap::askAndRead>("askAndRead"),
                      InstanceMethod<&PlainMap::ask>("ask"), InstanceMethod<&PlainMap::residentPages>("residentPages"),
                      InstanceMethod<&PlainMap::bytes>("bytes"), InstanceMethod<&PlainMap::unmap>("unmap")});
}

PlainMap::PlainMap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PlainMap>(info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const size_t length = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
  const int advice = adviceNamed(info.Env(), info[2].As<Napi::String>().Utf8Value());
  void* address = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) throw failed(info.Env(), "mmap");
  base_ = static_cast<const uint8_t*>(address);
  length_ = length;
  if (madvise(address, length, advice) != 0) {
    const Napi::Error error = failed(info.Env(), "madvise");
    release();
    throw error;
  }
}

// While a view is out, nobody but unmap() may take the memory away.
PlainMap::~PlainMap() {
  if (view_.IsEmpty()) release();
}

void PlainMap::release() {
  if (base_ != nullptr) munmap(const_cast<uint8_t*>(base_), length_);
  base_ = nullptr;
  length_ = 0;
}

Napi::Uint32Array PlainMap::pages(const Napi::Value& value, size_t span) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(value.Env(), "pages must be a Uint32Array");
  }
  const Napi::Uint32Array pages = value.As<Napi::Uint32Array>();
  const size_t count = (length_ + kPageSize - 1) / kPageSize;
  for (size_t i = 0; i < pages.ElementLength(); i++) {
    if (pages.Data()[i] + span > count) throw Napi::RangeError::New(value.Env(), "a page lies outside of the mapping");
  }
  return pages;
}

Napi::Value PlainMap::touch(const Napi::CallbackInfo& info) {
  const Napi::Uint32Array wanted = pages(info[0], 1);
  const uint32_t* page = wanted.Data();
  const size_t count = wanted.ElementLength();
  const Stopwatch watch;
  for (size_t i = 0; i < count; i++) byteAt(base_ + page[i] * kPageSize);
  return Napi::Number::New(info.Env(), watch.nanoseconds());
}

Napi::Value PlainMap::askAndRead(const Napi::CallbackInfo& info) {
  const Napi::Uint32Array wanted = pages(info[0], 1);
  const uint32_t* page = wanted.Data();
  const size_t count = wanted.ElementLength();
  unsigned char resident = 0;
  size_t missing = 0;
  const Stopwatch watch;
  for (size_t i = 0; i < count; i++) {
    uint8_t* address = const_cast<uint8_t*>(base_) + page[i] * kPageSize;
    if (mincore(address, kPageSize, &resident) == 0 && (resident & 1) != 0) {
      byteAt(address);
    } else {
      missing++;
    }
  }
  const double nanoseconds = watch.nanoseconds();
  // A missing page was not read: the time would be of something else than what it is compared with.
  return Napi::Number::New(info.Env(), missing == 0 ? nanoseconds : -1.0);
}

Napi::Value PlainMap::ask(const Napi::CallbackInfo& info) {
  const size_t span = info[1].As<Napi::Number>().Uint32Value();
  const Napi::Uint32Array wanted = pages(info[0], span);
  const uint32_t* page = wanted.Data();
  const size_t count = wanted.ElementLength();
  std::vector<unsigned char> states(span);
  const Stopwatch watch;
  for (size_t i = 0; i < count; i++) {
    mincore(const_cast<uint8_t*>(base_) + page[i] * kPageSize, span * kPageSize, states.data());
  }
  return Napi::Number::New(info.Env(), watch.nanoseconds());
}

Napi::Value PlainMap::residentPages(const Napi::CallbackInfo& info) {
  constexpr size_t kPagesAtOnce = 1 << 16;
  std::vector<unsigned char> states(kPagesAtOnce);
  double resident = 0;
  for (size_t offset = 0; offset < length_; offset += kPagesAtOnce * kPageSize) {
    const size_t length = std::min(length_ - offset, kPagesAtOnce * kPageSize);
    if (mincore(const_cast<uint8_t*>(base_) + offset, length, states.data()) != 0) throw failed(info.Env(), "mincore");
    for (size_t i = 0; i < (length + kPageSize - 1) / kPageSize; i++) resident += states[i] & 1;
  }
  return Napi::Number::New(info.Env(), resident);
}

Napi::Value PlainMap::bytes(const Napi::CallbackInfo& info) {
  if (base_ == nullptr) throw Napi::Error::New(info.Env(), "the mapping is gone");
  if (view_.IsEmpty()) {
    view_ = Napi::Persistent(Napi::ArrayBuffer::New(info.Env(), const_cast<uint8_t*>(base_), length_));
  }
  return view_.Value();
}

Napi::Value PlainMap::unmap(const Napi::CallbackInfo& info) {
  if (!view_.IsEmpty()) {
    view_.Value().Detach();
    view_.Reset();
  }
  release();
  return info.Env().Undefined();
}

}  // namespace baseline
