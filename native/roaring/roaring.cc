#include "roaring.h"

#include "checksum.h"

namespace nofault {

namespace {

Napi::Value checksumOf(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const uint32_t before = info.Length() > 1 && info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;
  return Napi::Number::New(info.Env(), crc32c(bytes.Data(), bytes.ByteLength(), before));
}

}  // namespace

void defineRoaring(Napi::Env env, Napi::Object exports) {
  exports.Set("crc32c", Napi::Function::New<checksumOf>(env, "crc32c"));
}

}  // namespace nofault
