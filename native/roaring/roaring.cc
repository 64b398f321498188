#include "roaring.h"

#include "../guard.h"
#include "building.h"
#include "check.h"
#include "checksum.h"
#include "scan_objects.h"

namespace nofault {

namespace {

Napi::Value checksumOf(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const uint32_t before = info.Length() > 1 && info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
  return Napi::Number::New(info.Env(), crc32c(bytes.Data(), bytes.ByteLength(), before));
}

Napi::Value marksMade(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(guard::marksMade()));
}

}  // namespace

void defineRoaring(Napi::Env env, Napi::Object exports) {
  exports.Set("crc32c", Napi::Function::New<checksumOf>(env, "crc32c"));
  exports.Set("marksMade", Napi::Function::New<marksMade>(env, "marksMade"));
  exports.Set("Header", HeaderObject::define(env));
  exports.Set("Scan", ScanObject::define(env));
  exports.Set("Step", StepObject::define(env));
  exports.Set("assemble", Napi::Function::New<assemble>(env, "assemble"));
  exports.Set("Build", defineBuild(env));
  exports.Set("checkContainers", Napi::Function::New<checkContainers>(env, "checkContainers"));
}

}  // namespace nofault
