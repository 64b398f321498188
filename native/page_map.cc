#include "page_map.h"

#include <utility>

namespace nofault {

Napi::Value showPageMap(Napi::Env env, PageMap& map) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("known", map.known);
  result.Set("runs", static_cast<double>(map.runs));
  result.Set("residentPages", static_cast<double>(map.residentPages));
  result.Set("lastResident", map.lastResident);
  if (map.lengths.empty()) {
    result.Set("lengths", Napi::Buffer<uint8_t>::New(env, 0));
    return result;
  }
  auto* lengths = new std::vector<uint8_t>(std::move(map.lengths));
  result.Set("lengths", Napi::Buffer<uint8_t>::New(env, lengths->data(), lengths->size(),
                                                   [lengths](Napi::Env, uint8_t*) { delete lengths; }));
  return result;
}

}  // namespace nofault
