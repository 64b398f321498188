#include "check.h"

#include <string>
#include <utility>

#include "../background.h"
#include "checksum.h"
#include "kernels.h"
#include "scan_objects.h"

namespace nofault {

namespace roaring {

namespace {

std::optional<Malformed> checkArray(const Container& array) {
  const Value* values = array.values();
  for (uint32_t i = 1; i < array.count; ++i)
    if (values[i] <= values[i - 1]) return Malformed{"the values of an array do not ascend", uint64_t{i} * 2};
  return {};
}

std::optional<Malformed> checkRuns(const Place& place, const uint8_t* bytes) {
  const uint32_t count = bytes[0] | uint32_t{bytes[1]} << 8;
  if (2 + 4 * uint64_t{count} != place.length) return Malformed{"a container of runs has another length", 0};
  const auto* pairs = reinterpret_cast<const Value*>(bytes + 2);
  uint64_t cardinality = 0, next = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t first = pairs[2 * i], more = pairs[2 * i + 1];
    if (first < next || first + more >= kChunk) return Malformed{"runs do not ascend", 2 + uint64_t{i} * 4};
    cardinality += more + 1;
    next = first + more + 1;
  }
  if (cardinality != place.cardinality) return Malformed{"a container of runs has another cardinality", 0};
  return {};
}

}  // namespace

std::optional<Malformed> check(const Place& place, const uint8_t* bytes) {
  if (place.form == Container::Form::array) return checkArray(Container::array(bytes, place.cardinality));
  if (place.form == Container::Form::runs) return checkRuns(place, bytes);
  if (kernels().count(Container::bitset(bytes).words()) != place.cardinality)
    return Malformed{"a bitset has another cardinality", 0};
  return {};
}

}  // namespace roaring

Napi::Value checkContainers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const HeaderObject* object = HeaderObject::Unwrap(info[0].As<Napi::Object>());
  const uint32_t from = info[1].As<Napi::Number>().Uint32Value(), to = info[2].As<Napi::Number>().Uint32Value();
  auto bytes = info[3].As<Napi::Uint8Array>();
  const uint32_t before = info[4].As<Napi::Number>().Uint32Value();
  const auto header = object == nullptr ? nullptr : object->header();
  const auto refuse = [&] {
    return Napi::RangeError::New(env, "nofault's addon refuses containers of another length");
  };
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
      gate, env, Fetcher::kMemory,
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
