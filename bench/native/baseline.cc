// What the benches need from the system and Node.js does not offer: eviction and its proof, the loop thread's waits,
// content that does not compress, and the plain mapping that nofault is compared with. It shares no code with nofault's
// own addon, so that neither can flatter the other.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "plain_map.h"

namespace baseline {

namespace {

Napi::Error failed(Napi::Env env, const char* call, int error) {
  return Napi::Error::New(env, std::string(call) + " failed: " + std::strerror(error));
}

// evict(fd): writes out what is dirty, then drops every page of the file that nobody maps.
Napi::Value evict(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  if (fsync(fd) != 0) throw failed(info.Env(), "fsync", errno);
  const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (error != 0) throw failed(info.Env(), "posix_fadvise", error);
  return info.Env().Undefined();
}

// requestPages(fd, pages): asks for each page by itself, so that each comes into a folio of one page.
Napi::Value requestPages(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const Napi::Uint32Array pages = info[1].As<Napi::Uint32Array>();
  const long pageSize = sysconf(_SC_PAGESIZE);
  for (size_t i = 0; i < pages.ElementLength(); i++) {
    const int error = posix_fadvise(fd, static_cast<off_t>(pages.Data()[i]) * pageSize, pageSize, POSIX_FADV_WILLNEED);
    if (error != 0) throw failed(info.Env(), "posix_fadvise", error);
  }
  return info.Env().Undefined();
}

// threadWaits(into): major faults and voluntary context switches of the calling thread so far, into a Float64Array of
// two.
Napi::Value threadWaits(const Napi::CallbackInfo& info) {
  rusage usage{};
  if (getrusage(RUSAGE_THREAD, &usage) != 0) throw failed(info.Env(), "getrusage", errno);
  double* into = info[0].As<Napi::Float64Array>().Data();
  into[0] = static_cast<double>(usage.ru_majflt);
  into[1] = static_cast<double>(usage.ru_nvcsw);
  return info.Env().Undefined();
}

// fillRandom(into, position): the bytes that lie at `position` of every test file. Each 8 bytes are the SplitMix64
// number of their place (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), so that no two
// pages are alike and nothing compresses.
Napi::Value fillRandom(const Napi::CallbackInfo& info) {
  Napi::Uint8Array into = info[0].As<Napi::Uint8Array>();
  const uint64_t first = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()) / sizeof(uint64_t);
  for (size_t i = 0; i + sizeof(uint64_t) <= into.ByteLength(); i += sizeof(uint64_t)) {
    uint64_t z = (first + i / sizeof(uint64_t) + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    std::memcpy(into.Data() + i, &z, sizeof z);
  }
  return info.Env().Undefined();
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports["pageSize"] = Napi::Number::New(env, static_cast<double>(sysconf(_SC_PAGESIZE)));
  exports["evict"] = Napi::Function::New<evict>(env, "evict");
  exports["requestPages"] = Napi::Function::New<requestPages>(env, "requestPages");
  exports["threadWaits"] = Napi::Function::New<threadWaits>(env, "threadWaits");
  exports["fillRandom"] = Napi::Function::New<fillRandom>(env, "fillRandom");
  exports["PlainMap"] = PlainMap::define(env);
  return exports;
}

}  // namespace

}  // namespace baseline

static Napi::Object initialiseBaseline(Napi::Env env, Napi::Object exports) {
  return baseline::initialise(env, exports);
}

NODE_API_MODULE(baseline, initialiseBaseline)
