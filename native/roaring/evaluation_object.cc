#include "evaluation_object.h"

#include <utility>
#include <vector>

#include "../arguments.h"
#include "../environment.h"
#include "../fetcher.h"
#include "../file.h"
#include "../guard.h"
#include "scan_objects.h"

namespace nofault {

using roaring::Evaluation;
using roaring::Failure;
using roaring::Source;
using roaring::Wanted;

// The loop's alone. As long as somebody waits for the evaluation, the function stays and the loop alive.
struct EvaluationObject::Waker {
  Napi::FunctionReference function;
  bool awaited = false;
  bool over = false;

  void await(Napi::Env env) {
    if (std::exchange(awaited, true)) return;
    function.Ref();
    Environment::of(env)->hold(env);
  }
  void rest(Napi::Env env) {
    if (!std::exchange(awaited, false)) return;
    function.Unref();
    Environment::of(env)->release(env);
  }
};

namespace {

// Closing a file may wait for a server.
void letGo(std::shared_ptr<Evaluation> evaluation) {
  if (evaluation->closes()) Fetcher::instance().run(Fetcher::kClosing, [evaluation = std::move(evaluation)] {});
}

}  // namespace

Napi::Function EvaluationObject::define(Napi::Env env) {
  return DefineClass(
      env, "Evaluation",
      {InstanceMethod<&EvaluationObject::look>("look"), InstanceMethod<&EvaluationObject::failure>("failure"),
       InstanceMethod<&EvaluationObject::missed>("missed"), InstanceMethod<&EvaluationObject::wanted>("wanted"),
       InstanceMethod<&EvaluationObject::windowsMade>("windowsMade"),
       InstanceMethod<&EvaluationObject::cancel>("cancel")});
}

EvaluationObject::EvaluationObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<EvaluationObject>(info), waker_(std::make_shared<Waker>()) {
  Napi::Env env = info.Env();
  ScanObject& scan = unwrapped<ScanObject>(env, info[0], "an evaluation of no scan");
  if (!info[1].IsArray()) throw refused(env, "files that are no array");
  auto files = info[1].As<Napi::Array>();
  if (!info[2].IsFunction()) throw refused(env, "to wake with what is no function");
  std::vector<Source> sources;
  for (uint32_t i = 0; i < files.Length(); ++i) {
    const auto& file = unwrapped<File>(env, files.Get(i), "what is no file").openFile(env);
    sources.push_back({file, file->size});
  }
  if (sources.empty() || scan.program(env)->sources() > sources.size()) throw refused(env, "bitmaps of no file");
  // Another environment may have let somebody take the signals, unseen by this one.
  guard::install();
  waker_->function = Napi::Weak(info[2].As<Napi::Function>());
  waker_->function.SuppressDestruct();
  const auto wake = [waker = waker_, environment = Environment::of(env)] {
    environment->run([waker](Napi::Env env) {
      if (waker->over || waker->function.IsEmpty()) return;
      const Napi::Function function = waker->function.Value();
      waker->rest(env);
      if (!function.IsEmpty()) function.Call({});
    });
  };
  evaluation_ = std::make_shared<Evaluation>(
      scan.take(env), std::move(sources),
      Evaluation::Options{info[3].ToBoolean(), info[4].ToBoolean(), info[5].ToBoolean()}, wake);
  info.This().As<Napi::Object>().TypeTag(&kTag);
  evaluation_->start();
}

EvaluationObject::~EvaluationObject() {
  if (evaluation_) {
    evaluation_->cancel([] {});
    letGo(std::move(evaluation_));
  }
  waker_->over = true;
  try {
    waker_->function.Reset();
  } catch (const Napi::Error&) {
    // The environment is going, and the reference with it.
  }
}

Evaluation& EvaluationObject::evaluation(Napi::Env env) const {
  if (!evaluation_) throw refused(env, "an evaluation that has been cancelled");
  return *evaluation_;
}

Napi::Value EvaluationObject::look(const Napi::CallbackInfo& info) {
  const Evaluation::State state = evaluation(info.Env()).look();
  if (state == Evaluation::State::waiting) waker_->await(info.Env());
  return Napi::Number::New(info.Env(), static_cast<double>(state));
}

Napi::Value EvaluationObject::failure(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Failure* failure = evaluation(env).failure();
  if (failure == nullptr) return env.Undefined();
  Napi::Object told = Napi::Object::New(env);
  told.Set("kind", Napi::Number::New(env, static_cast<double>(failure->kind)));
  told.Set("file", Napi::Number::New(env, failure->source));
  told.Set("offset", Napi::Number::New(env, static_cast<double>(failure->offset)));
  told.Set("errno", Napi::Number::New(env, failure->error));
  told.Set("truncated", Napi::Boolean::New(env, failure->truncated));
  told.Set("pages", Napi::Number::New(env, static_cast<double>(failure->pages)));
  return told;
}

Napi::Value EvaluationObject::missed(const Napi::CallbackInfo& info) {
  const auto missed = evaluation(info.Env()).missed();
  auto numbers = Napi::Float64Array::New(info.Env(), 2 * missed.size());
  double* at = numbers.Data();
  for (const auto& [missing, asked] : missed) {
    *at++ = static_cast<double>(missing);
    *at++ = static_cast<double>(asked);
  }
  return numbers;
}

Napi::Value EvaluationObject::wanted(const Napi::CallbackInfo& info) {
  const std::vector<Wanted> wanted = evaluation(info.Env()).wanted();
  auto numbers = Napi::Float64Array::New(info.Env(), 2 * wanted.size());
  double* at = numbers.Data();
  for (const Wanted& window : wanted) {
    *at++ = window.source;
    *at++ = static_cast<double>(window.page);
  }
  return numbers;
}

void EvaluationObject::windowsMade(const Napi::CallbackInfo& info) { evaluation(info.Env()).windowsMade(); }

// A promise that resolves when no thread reads the files' windows for it any more.
Napi::Value EvaluationObject::cancel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  evaluation(env);
  waker_->rest(env);
  waker_->over = true;
  const std::shared_ptr<Environment> environment = Environment::of(env);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  environment->hold(env);
  std::shared_ptr<Evaluation> over = std::exchange(evaluation_, nullptr);
  over->cancel([environment, deferred] {
    environment->run([environment, deferred](Napi::Env env) {
      environment->release(env);
      deferred->Resolve(env.Undefined());
    });
  });
  letGo(std::move(over));
  return deferred->Promise();
}

}  // namespace nofault
