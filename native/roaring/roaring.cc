#include "roaring.h"

#include "../arguments.h"
#include "../guard.h"
#include "building.h"
#include "check.h"
#include "checksum.h"
#include "evaluation_object.h"
#include "scan_objects.h"

namespace nofault {

namespace {

Napi::Value checksumOf(const Napi::CallbackInfo& info) {
  const auto bytes = arrayOf<Napi::Uint8Array>(info.Env(), info[0]);
  const uint32_t before = info[1].IsUndefined() ? 0 : whole32Of(info.Env(), info[1]);
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
  exports.Set("Evaluation", EvaluationObject::define(env));
  exports.Set("assemble", Napi::Function::New<assemble>(env, "assemble"));
  exports.Set("Build", defineBuild(env));
  exports.Set("checkContainers", Napi::Function::New<checkContainers>(env, "checkContainers"));
}

}  // namespace nofault
