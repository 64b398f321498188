#include "scan_objects.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "../arguments.h"
#include "../background.h"
#include "../kernel.h"
#include "evaluation_object.h"

namespace nofault {

using roaring::Execution;
using roaring::Goal;
using roaring::Header;
using roaring::Program;

namespace {

// A share of something, which need not be whole.
uint64_t boundOf(Napi::Env env, const Napi::Value& value) {
  const double bound = numberOf(env, value);
  if (!(bound >= 0 && bound <= kLargestWhole)) throw refused(env, "a bound that is none");
  return static_cast<uint64_t>(bound);
}

Napi::Value number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Float64Array numbers(Napi::Env env, const std::vector<double>& values) {
  auto array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace

// --- headers ---

Napi::Function HeaderObject::define(Napi::Env env) {
  return DefineClass(env, "Header",
                     {InstanceMethod<&HeaderObject::find>("find"), InstanceMethod<&HeaderObject::place>("place")});
}

HeaderObject::HeaderObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<HeaderObject>(info) {
  Napi::Env env = info.Env();
  auto bytes = arrayOf<Napi::Uint8Array>(env, info[0]);
  const uint64_t length = wholeOf(env, info[1]);
  // The file may change, so what is checked is a copy; and it is as long as the copy itself says.
  const uint64_t have = std::min<uint64_t>(bytes.ByteLength(), length);
  roaring::Bytes copy(bytes.Data(), bytes.Data() + have);
  const uint64_t least = std::min(length, roaring::kHeaderStart);
  const uint64_t needed = have < least ? least : roaring::headerLength(copy.data(), length);
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("needed", number(env, needed > have ? needed : 0));
  if (needed > have) return;
  auto header = std::make_shared<Header>();
  roaring::Malformed wrong;
  if (!roaring::parse(copy.data(), needed, length, *header, wrong)) {
    Napi::Error error = Napi::RangeError::New(env, wrong.what);
    error.Set("offset", number(env, wrong.offset));
    throw error;
  }
  const auto& places = header->places;
  self.Set("length", number(env, header->length));
  self.Set("containers", number(env, places.size()));
  self.Set("cardinality", number(env, header->cardinality));
  self.Set("lastChunk", Napi::Number::New(env, places.empty() ? -1 : places.back().key));
  self.Set("inLastChunk", number(env, places.empty() ? 0 : places.back().cardinality));
  self.Set("memory", number(env, sizeof(Header) + places.size() * sizeof(roaring::Place)));
  header_ = std::move(header);
  self.TypeTag(&kTag);
}

Napi::Value HeaderObject::tell(uint32_t index, Napi::Env env) const {
  const roaring::Place& place = header_->places[index];
  return numbers(
      env, {static_cast<double>(place.key), static_cast<double>(place.form), static_cast<double>(place.cardinality),
            static_cast<double>(place.offset), static_cast<double>(place.length)});
}

Napi::Value HeaderObject::find(const Napi::CallbackInfo& info) {
  const uint32_t chunk = whole32Of(info.Env(), info[0]);
  if (!header_) return info.Env().Undefined();
  const auto& places = header_->places;
  const auto found = std::lower_bound(places.begin(), places.end(), chunk,
                                      [](const roaring::Place& place, uint32_t key) { return place.key < key; });
  if (found == places.end() || found->key != chunk) return info.Env().Undefined();
  return tell(static_cast<uint32_t>(found - places.begin()), info.Env());
}

Napi::Value HeaderObject::place(const Napi::CallbackInfo& info) {
  const uint32_t index = whole32Of(info.Env(), info[0]);
  if (!header_ || index >= header_->places.size()) return info.Env().Undefined();
  return tell(index, info.Env());
}

// --- scans ---

Napi::Function ScanObject::define(Napi::Env env) { return DefineClass(env, "Scan", {}); }

ScanObject::ScanObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ScanObject>(info), program_(std::make_shared<Program>()) {
  Napi::Env env = info.Env();
  auto code = arrayOf<Napi::Uint32Array>(env, info[0]);
  if (!info[1].IsArray()) throw refused(env, "headers that are no array");
  auto headers = info[1].As<Napi::Array>();
  auto sources = arrayOf<Napi::Uint32Array>(env, info[2]);
  auto offsets = arrayOf<Napi::Float64Array>(env, info[3]);
  auto extras = arrayOf<Napi::Uint32Array>(env, info[4]);
  const uint32_t goal = whole32Of(env, info[5]);
  const uint32_t count = headers.Length();
  if (sources.ElementLength() != count || offsets.ElementLength() != count)
    throw refused(env, "bitmaps of which it does not know where they are");
  std::vector<roaring::Bitmap> bitmaps;
  bitmaps.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto header = unwrapped<HeaderObject>(env, headers.Get(i), "what is no header").header();
    if (!header || !(offsets[i] >= 0 && offsets[i] <= kLargestWhole)) throw refused(env, "a bitmap without a header");
    bitmaps.push_back({header, sources[i], static_cast<uint64_t>(offsets[i])});
  }
  if (goal > static_cast<uint32_t>(Goal::extreme) ||
      !program_->compile(code.Data(), code.ElementLength(), std::move(bitmaps),
                         {extras.Data(), extras.Data() + extras.ElementLength()}, static_cast<Goal>(goal),
                         wholeOf(env, info[6])))
    throw refused(env, "what is no program");
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

const std::shared_ptr<Program>& ScanObject::program(Napi::Env env) const {
  if (!program_) throw refused(env, "a scan that is carried out already");
  return program_;
}

std::shared_ptr<Program> ScanObject::take(Napi::Env env) {
  program(env);
  return std::exchange(program_, nullptr);
}

// --- steps ---

Napi::Function StepObject::define(Napi::Env env) {
  return DefineClass(
      env, "Step",
      {InstanceMethod<&StepObject::arrive>("arrive"), InstanceMethod<&StepObject::combine>("combine"),
       InstanceMethod<&StepObject::disturbed>("disturbed"), InstanceMethod<&StepObject::damage>("damage"),
       InstanceMethod<&StepObject::count>("count"), InstanceMethod<&StepObject::counts>("counts"),
       InstanceMethod<&StepObject::extreme>("extreme"), InstanceMethod<&StepObject::takeRows>("takeRows")});
}

StepObject::StepObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StepObject>(info) {
  Napi::Env env = info.Env();
  Napi::Object self = info.This().As<Napi::Object>();
  if (info[0].IsObject() && info[0].As<Napi::Object>().CheckTypeTag(&EvaluationObject::kTag)) {
    execution_ = EvaluationObject::Unwrap(info[0].As<Napi::Object>())->take();
    if (!execution_) throw refused(env, "a step that is not complete");
    self.TypeTag(&kTag);
    return;
  }
  ScanObject& scan = unwrapped<ScanObject>(env, info[0], "a step of no scan");
  const roaring::Bounds bounds = info[1].IsUndefined()
                                     ? scan.pace().next(false)
                                     : roaring::Bounds{boundOf(env, info[1]), boundOf(env, info[2]), UINT64_MAX,
                                                       boundOf(env, info[3]), kernel::pageSize()};
  const std::shared_ptr<Program>& program = scan.program(env);
  roaring::Step step;
  program->next(bounds, step);
  std::vector<double> ranges;
  ranges.reserve(step.ranges.size() * 3);
  for (const roaring::Range& range : step.ranges) {
    ranges.push_back(range.source);
    ranges.push_back(static_cast<double>(range.offset));
    ranges.push_back(static_cast<double>(range.length));
  }
  self.Set("last", Napi::Boolean::New(env, program->ended()));
  self.Set("ranges", numbers(env, ranges));
  self.Set("bytes", number(env, step.bytes));
  self.Set("work", number(env, step.work));
  self.Set("containers", number(env, step.needs.size()));
  self.Set("chunks", number(env, step.chunks.size()));
  self.Set("firstChunk", number(env, step.chunks.empty() ? 0 : step.chunks.front().key));
  self.Set("lastChunk", number(env, step.chunks.empty() ? 0 : step.chunks.back().key));
  execution_ = std::make_shared<Execution>(program, std::move(step));
  execution_->least = info[4].ToBoolean();
  self.TypeTag(&kTag);
}

StepObject::~StepObject() = default;

void StepObject::arrive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const uint32_t range = whole32Of(env, info[0]);
  auto bytes = arrayOf<Napi::Uint8Array>(env, info[1]);
  const auto& ranges = execution_->step().ranges;
  if (range >= ranges.size() || bytes.ByteLength() != ranges[range].length)
    throw refused(env, "bytes of another length");
  execution_->arrive(range, bytes.Data());
}

void StepObject::combine(const Napi::CallbackInfo&) { execution_->combine(execution_->takeReady(), nullptr); }

Napi::Value StepObject::disturbed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), execution_->disturbed());
}

Napi::Value StepObject::damage(const Napi::CallbackInfo& info) {
  const auto& damage = execution_->damage();
  if (!damage) return info.Env().Undefined();
  return numbers(info.Env(), {static_cast<double>(damage->source), static_cast<double>(damage->offset)});
}

Napi::Value StepObject::count(const Napi::CallbackInfo& info) { return number(info.Env(), execution_->count()); }

Napi::Value StepObject::counts(const Napi::CallbackInfo& info) {
  const auto& counts = execution_->counts();
  return numbers(info.Env(), {counts.begin(), counts.end()});
}

Napi::Value StepObject::extreme(const Napi::CallbackInfo& info) {
  const auto& extreme = execution_->extreme();
  if (!extreme) return info.Env().Undefined();
  return Napi::BigInt::New(info.Env(), *extreme);
}

// So many rows at most, and fewer at the end.
Napi::Value StepObject::takeRows(const Napi::CallbackInfo& info) {
  auto& rows = execution_->rows();
  const size_t most = wholeOf(info.Env(), info[0]);
  size_t count = 0;
  for (size_t chunk = chunk_; chunk < rows.size() && count < most; ++chunk)
    count += rows[chunk].size() - (chunk == chunk_ ? row_ : 0);
  count = std::min(count, most);
  auto batch = Napi::Uint32Array::New(info.Env(), count);
  for (uint32_t* into = batch.Data(); count > 0;) {
    const size_t some = std::min(count, rows[chunk_].size() - row_);
    if (some > 0) memcpy(into, rows[chunk_].data() + row_, some * sizeof(uint32_t));
    into += some;
    count -= some;
    row_ += some;
    if (row_ < rows[chunk_].size()) break;
    rows[chunk_++] = {};
    row_ = 0;
  }
  return batch;
}

Napi::Value assemble(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) throw refused(info.Env(), "steps that are no array");
  auto steps = info[0].As<Napi::Array>();
  auto pieces = std::make_shared<std::vector<roaring::Piece>>();
  for (uint32_t i = 0; i < steps.Length(); ++i) {
    auto& some = unwrapped<StepObject>(info.Env(), steps.Get(i), "what is no step").pieces();
    std::move(some.begin(), some.end(), std::back_inserter(*pieces));
    some.clear();
  }
  return onThread(
      info.Env(), Computing{},
      [pieces] {
        std::erase_if(*pieces, [](const auto& piece) { return piece.written.cardinality == 0; });
        auto bitmap = std::make_unique<roaring::Bytes>();
        std::vector<roaring::Written> written;
        uint64_t length = 0;
        for (const auto& piece : *pieces) {
          written.push_back(piece.written);
          length += piece.bytes.size();
        }
        bitmap->reserve(length + roaring::writtenHeaderLength(static_cast<uint32_t>(written.size()), false) + 8192);
        roaring::writeHeader(written, *bitmap);
        for (auto& piece : *pieces) {
          bitmap->insert(bitmap->end(), piece.bytes.begin(), piece.bytes.end());
          piece.bytes = {};
        }
        return bitmap;
      },
      [](Napi::Env env, std::unique_ptr<roaring::Bytes>& bitmap) -> Napi::Value {
        auto* bytes = bitmap.release();
        auto memory =
            Napi::ArrayBuffer::New(env, bytes->data(), bytes->size(), [bytes](Napi::Env, void*) { delete bytes; });
        return Napi::Uint8Array::New(env, bytes->size(), memory, 0);
      });
}

}  // namespace nofault
