#include "scan_objects.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../background.h"

namespace nofault {

using roaring::Execution;
using roaring::Goal;
using roaring::Header;
using roaring::Program;

namespace {

Napi::RangeError refused(Napi::Env env, const char* what) {
  return Napi::RangeError::New(env, std::string("nofault's addon refuses ") + what);
}

uint64_t wholeNumber(Napi::Value value, Napi::Env env) {
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number < 9007199254740992.0)) throw refused(env, "a number that counts nothing");
  return static_cast<uint64_t>(number);
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
  auto bytes = info[0].As<Napi::Uint8Array>();
  const uint64_t length = wholeNumber(info[1], env);
  // The file may change, so what is checked is a copy; and it is as long as the copy itself says.
  const uint64_t have = std::min<uint64_t>(bytes.ByteLength(), length);
  roaring::Bytes copy(bytes.Data(), bytes.Data() + have);
  const uint64_t needed = roaring::headerLength(copy.data(), length);
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
}

Napi::Value HeaderObject::tell(uint32_t index, Napi::Env env) const {
  const roaring::Place& place = header_->places[index];
  return numbers(
      env, {static_cast<double>(place.key), static_cast<double>(place.form), static_cast<double>(place.cardinality),
            static_cast<double>(place.offset), static_cast<double>(place.length)});
}

Napi::Value HeaderObject::find(const Napi::CallbackInfo& info) {
  const uint32_t chunk = info[0].As<Napi::Number>().Uint32Value();
  if (!header_) return info.Env().Undefined();
  const auto& places = header_->places;
  const auto found = std::lower_bound(places.begin(), places.end(), chunk,
                                      [](const roaring::Place& place, uint32_t key) { return place.key < key; });
  if (found == places.end() || found->key != chunk) return info.Env().Undefined();
  return tell(static_cast<uint32_t>(found - places.begin()), info.Env());
}

Napi::Value HeaderObject::place(const Napi::CallbackInfo& info) {
  const uint32_t index = info[0].As<Napi::Number>().Uint32Value();
  if (!header_ || index >= header_->places.size()) return info.Env().Undefined();
  return tell(index, info.Env());
}

// --- scans ---

Napi::Function ScanObject::define(Napi::Env env) { return DefineClass(env, "Scan", {}); }

ScanObject::ScanObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ScanObject>(info), program_(std::make_shared<Program>()) {
  Napi::Env env = info.Env();
  auto code = info[0].As<Napi::Uint32Array>();
  auto headers = info[1].As<Napi::Array>();
  auto sources = info[2].As<Napi::Uint32Array>();
  auto offsets = info[3].As<Napi::Float64Array>();
  auto extras = info[4].As<Napi::Uint32Array>();
  const uint32_t goal = info[5].As<Napi::Number>().Uint32Value();
  const uint32_t count = headers.Length();
  if (sources.ElementLength() != count || offsets.ElementLength() != count)
    throw refused(env, "bitmaps of which it does not know where they are");
  std::vector<roaring::Bitmap> bitmaps;
  bitmaps.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const HeaderObject* header = HeaderObject::Unwrap(headers.Get(i).As<Napi::Object>());
    if (header == nullptr || !header->header() || !(offsets[i] >= 0 && offsets[i] < 9007199254740992.0))
      throw refused(env, "a bitmap without a header");
    bitmaps.push_back({header->header(), sources[i], static_cast<uint64_t>(offsets[i])});
  }
  if (goal > static_cast<uint32_t>(Goal::extreme) ||
      !program_->compile(code.Data(), code.ElementLength(), std::move(bitmaps),
                         {extras.Data(), extras.Data() + extras.ElementLength()}, static_cast<Goal>(goal),
                         wholeNumber(info[6], env)))
    throw refused(env, "what is no program");
}

// --- steps ---

Napi::Function StepObject::define(Napi::Env env) {
  return DefineClass(
      env, "Step",
      {InstanceMethod<&StepObject::arrive>("arrive"), InstanceMethod<&StepObject::arriveAll>("arriveAll"),
       InstanceMethod<&StepObject::restart>("restart"),
       InstanceMethod<&StepObject::cancel>("cancel"), InstanceMethod<&StepObject::combine>("combine"),
       InstanceMethod<&StepObject::combineOnThread>("combineOnThread"),
       InstanceMethod<&StepObject::complete>("complete"), InstanceMethod<&StepObject::disturbed>("disturbed"),
       InstanceMethod<&StepObject::damage>("damage"), InstanceMethod<&StepObject::count>("count"),
       InstanceMethod<&StepObject::counts>("counts"), InstanceMethod<&StepObject::extreme>("extreme"),
       InstanceMethod<&StepObject::takeRows>("takeRows")});
}

StepObject::StepObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StepObject>(info) {
  Napi::Env env = info.Env();
  const ScanObject* scan = ScanObject::Unwrap(info[0].As<Napi::Object>());
  if (scan == nullptr) throw refused(env, "a step of no scan");
  const roaring::Bounds bounds{wholeNumber(info[1], env), wholeNumber(info[2], env), wholeNumber(info[3], env),
                               wholeNumber(info[4], env), std::max<uint64_t>(wholeNumber(info[5], env), 1)};
  roaring::Step step;
  const bool more = scan->program()->next(bounds, step);
  std::vector<double> ranges;
  ranges.reserve(step.ranges.size() * 3);
  for (const roaring::Range& range : step.ranges) {
    ranges.push_back(range.source);
    ranges.push_back(static_cast<double>(range.offset));
    ranges.push_back(static_cast<double>(range.length));
  }
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("ended", Napi::Boolean::New(env, !more));
  self.Set("ranges", numbers(env, ranges));
  self.Set("bytes", number(env, step.bytes));
  self.Set("work", number(env, step.work));
  self.Set("containers", number(env, step.needs.size()));
  self.Set("chunks", number(env, step.chunks.size()));
  self.Set("firstChunk", number(env, step.chunks.empty() ? 0 : step.chunks.front().key));
  self.Set("lastChunk", number(env, step.chunks.empty() ? 0 : step.chunks.back().key));
  execution_ = std::make_shared<Execution>(scan->program(), std::move(step));
  execution_->least = info[6].ToBoolean();
}

StepObject::~StepObject() = default;

Napi::Value StepObject::arrive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const uint32_t range = info[0].As<Napi::Number>().Uint32Value();
  auto bytes = info[1].As<Napi::Uint8Array>();
  const auto& ranges = execution_->step().ranges;
  if (range >= ranges.size() || bytes.ByteLength() != ranges[range].length)
    throw refused(env, "bytes of another length");
  execution_->arrive(range, bytes.Data());
  return number(env, execution_->ready());
}

Napi::Value StepObject::arriveAll(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const uint32_t first = info[0].As<Napi::Number>().Uint32Value();
  auto memory = info[1].As<Napi::Array>();
  auto which = info[2].As<Napi::Uint32Array>();
  auto offset = info[3].As<Napi::Float64Array>();
  std::vector<std::span<const uint8_t>> stretches;
  for (uint32_t i = 0; i < memory.Length(); ++i) {
    auto one = memory.Get(i).As<Napi::ArrayBuffer>();
    stretches.emplace_back(static_cast<const uint8_t*>(one.Data()), one.ByteLength());
  }
  const auto& ranges = execution_->step().ranges;
  const size_t count = which.ElementLength();
  if (offset.ElementLength() != count || first > ranges.size() || count > ranges.size() - first)
    throw refused(env, "places of other ranges");
  const uint32_t* const numbers = which.Data();
  const double* const offsets = offset.Data();
  for (size_t i = 0; i < count; ++i) {
    const double from = offsets[i];
    if (numbers[i] >= stretches.size() || !(from >= 0) ||
        from + static_cast<double>(ranges[first + i].length) > static_cast<double>(stretches[numbers[i]].size()))
      throw refused(env, "a range that does not lie in its memory");
    execution_->arrive(first + static_cast<uint32_t>(i), stretches[numbers[i]].data() + static_cast<size_t>(from));
  }
  return number(env, execution_->ready());
}

void StepObject::restart(const Napi::CallbackInfo&) { execution_->restart(); }

void StepObject::cancel(const Napi::CallbackInfo&) { execution_->cancelled = true; }

void StepObject::combine(const Napi::CallbackInfo&) { execution_->combine(execution_->takeReady(), nullptr); }

Napi::Value StepObject::combineOnThread(const Napi::CallbackInfo& info) {
  // What the bytes lie in stays while the thread reads them.
  auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(info[0].As<Napi::Object>()));
  kept->SuppressDestruct();
  const auto gate = std::make_shared<Gate>();
  return onThreadBehind(
      gate, info.Env(), Fetcher::kMemory,
      [gate, execution = execution_, chunks = execution_->takeReady()] {
        execution->combine(chunks, gate.get());
        return true;
      },
      [kept](Napi::Env env, bool) {
        kept->Reset();
        return env.Undefined();
      });
}

Napi::Value StepObject::complete(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), execution_->complete());
}

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
  const size_t most = wholeNumber(info[0], info.Env());
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
  auto steps = info[0].As<Napi::Array>();
  auto pieces = std::make_shared<std::vector<roaring::Piece>>();
  for (uint32_t i = 0; i < steps.Length(); ++i) {
    const StepObject* step = StepObject::Unwrap(steps.Get(i).As<Napi::Object>());
    if (step == nullptr) throw refused(info.Env(), "what is no step");
    auto& some = step->execution()->pieces();
    std::move(some.begin(), some.end(), std::back_inserter(*pieces));
    some.clear();
  }
  return onThread(
      info.Env(), Fetcher::kMemory,
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
