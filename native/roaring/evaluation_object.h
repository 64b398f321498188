// An evaluation as JavaScript sees it: what NativeEvaluation in src/native/bitmap.ts says. Checks arguments, and wakes
// the loop when there is something for it.
#pragma once

#include <napi.h>

#include <memory>

#include "evaluation.h"

namespace nofault {

// `new Evaluation(scan, files, wake, scan, impatient, least)`.
class EvaluationObject : public Napi::ObjectWrap<EvaluationObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EvaluationObject(const Napi::CallbackInfo& info);
  ~EvaluationObject() override;

  static constexpr napi_type_tag kTag = {0x6e6f6661756c7408, 0x0bd6f7124e93a85c};

  // Null where none is complete.
  std::shared_ptr<roaring::Execution> take() { return evaluation_ ? evaluation_->take() : nullptr; }

 private:
  struct Waker;

  Napi::Value look(const Napi::CallbackInfo& info);
  Napi::Value failure(const Napi::CallbackInfo& info);
  Napi::Value missed(const Napi::CallbackInfo& info);
  Napi::Value wanted(const Napi::CallbackInfo& info);
  void windowsMade(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);

  roaring::Evaluation& evaluation(Napi::Env env) const;

  // Empty once it has been cancelled: it holds its files open.
  std::shared_ptr<roaring::Evaluation> evaluation_;
  std::shared_ptr<Waker> waker_;
};

}  // namespace nofault
