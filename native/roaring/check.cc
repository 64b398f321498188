#include "check.h"

#include <string>
#include <utility>

#include "../arguments.h"
#include "../background.h"
#include "check_container.h"
#include "checksum.h"
#include "scan_objects.h"

namespace nofault {

Napi::Value checkContainers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto header = unwrapped<HeaderObject>(env, info[0], "what is no header").header();
  const uint32_t from = whole32Of(env, info[1]), to = whole32Of(env, info[2]);
  auto bytes = arrayOf<Napi::Uint8Array>(env, info[3]);
  const uint32_t before = whole32Of(env, info[4]);
  const auto refuse = [&] { return refused(env, "containers of another length"); };
  if (!header || from >= to || to > header->places.size()) throw refuse();
  const uint64_t start = header->places[from].offset, length = bytes.ByteLength();
  for (uint32_t i = from; i < to; ++i) {
    const roaring::Place& place = header->places[i];
    if (place.offset < start || place.offset - start + place.length > length) throw refuse();
  }
  auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(bytes.As<Napi::Object>()));
  kept->SuppressDestruct();
  struct Outcome {
    uint32_t checksum = 0;
    std::optional<roaring::Malformed> wrong;
  };
  const auto gate = std::make_shared<Gate>();
  return onThreadBehind(
      gate, env, Computing{},
      [gate, header, from, to, data = bytes.Data(), length, before, start] {
        Outcome outcome;
        std::lock_guard lock(gate->mutex);
        if (gate->shut) return outcome;
        outcome.checksum = crc32c(data, length, before);
        for (uint32_t i = from; i < to && !outcome.wrong; ++i) {
          const roaring::Place& place = header->places[i];
          outcome.wrong = roaring::check(place, data + (place.offset - start));
          if (outcome.wrong) outcome.wrong->offset += place.offset;
        }
        return outcome;
      },
      [kept](Napi::Env env, const Outcome& outcome) {
        kept->Reset();
        Napi::Object object = Napi::Object::New(env);
        object.Set("checksum", outcome.checksum);
        if (outcome.wrong) {
          object.Set("wrong", outcome.wrong->what);
          object.Set("offset", static_cast<double>(outcome.wrong->offset));
        }
        return object;
      });
}

}  // namespace nofault
