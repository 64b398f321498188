// Headers, scans and their steps as JavaScript sees them: what NativeHeader, NativeScan and NativeStep in
// src/native/bitmap.ts say. Checks arguments; has native/roaring do the work, here or on a thread; turns the outcome
// into values.
#pragma once

#include <napi.h>

#include <memory>

#include "execution.h"
#include "pace.h"

namespace nofault {

// `new Header(bytes, length)`: of a bitmap of at most `length` bytes.
class HeaderObject : public Napi::ObjectWrap<HeaderObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit HeaderObject(const Napi::CallbackInfo& info);

  static constexpr napi_type_tag kTag = {0x6e6f6661756c7404, 0x2f94d8107be35c6a};

  const std::shared_ptr<const roaring::Header>& header() const { return header_; }

 private:
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value place(const Napi::CallbackInfo& info);
  Napi::Value tell(uint32_t index, Napi::Env env) const;

  std::shared_ptr<const roaring::Header> header_;
};

// `new Scan(code, headers, sources, offsets, extras, goal, rowCount)`.
class ScanObject : public Napi::ObjectWrap<ScanObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ScanObject(const Napi::CallbackInfo& info);

  static constexpr napi_type_tag kTag = {0x6e6f6661756c7405, 0xe08b46f21c97a35d};

  // Refused once an evaluation has taken it.
  const std::shared_ptr<roaring::Program>& program(Napi::Env env) const;
  std::shared_ptr<roaring::Program> take(Napi::Env env);
  roaring::Pace& pace() { return pace_; }

 private:
  std::shared_ptr<roaring::Program> program_;
  roaring::Pace pace_{false};
};

// `new Step(scan)`: the next one of the scan, as large as an evaluation makes it; `new Step(scan, bytes, needs, visits,
// least)`: with these bounds; `new Step(evaluation)`: the next one that is complete.
class StepObject : public Napi::ObjectWrap<StepObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit StepObject(const Napi::CallbackInfo& info);
  ~StepObject() override;

  static constexpr napi_type_tag kTag = {0x6e6f6661756c7406, 0x79d2a05e8f361bc4};

  std::vector<roaring::Piece>& pieces() { return execution_->pieces(); }

 private:
  void arrive(const Napi::CallbackInfo& info);
  void combine(const Napi::CallbackInfo& info);
  Napi::Value disturbed(const Napi::CallbackInfo& info);
  Napi::Value damage(const Napi::CallbackInfo& info);
  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value counts(const Napi::CallbackInfo& info);
  Napi::Value extreme(const Napi::CallbackInfo& info);
  Napi::Value takeRows(const Napi::CallbackInfo& info);

  std::shared_ptr<roaring::Execution> execution_;
  // Where `takeRows` goes on: a chunk of the step, and a row of it.
  size_t chunk_ = 0, row_ = 0;
};

// `assemble(steps)`: a promise of the bitmap that the steps' rows are, by ascending chunks. Takes them out of the
// steps.
Napi::Value assemble(const Napi::CallbackInfo& info);

}  // namespace nofault
