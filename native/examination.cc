#include "examination.h"

#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "environment.h"
#include "errors.h"
#include "fetcher.h"
#include "opening.h"
#include "probe.h"

namespace nofault {

namespace {

const char* nameOf(probe::Answer answer) {
  switch (answer) {
    case probe::Answer::truthful:
      return "truthful";
    case probe::Answer::wrong:
      return "wrong";
    case probe::Answer::refused:
      return "refused";
    default:
      return "untested";
  }
}

Napi::Object describe(Napi::Env env, const probe::KernelFacts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("mincore", facts.mincore);
  object.Set("movePages", facts.movePages);
  object.Set("populateRead", facts.populateRead);
  object.Set("cachestat", facts.cachestat);
  object.Set("pagemap", facts.pagemap);
  object.Set("pagemapScan", facts.pagemapScan);
  return object;
}

Napi::Object describe(Napi::Env env, const probe::FileFacts& facts) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("size", static_cast<double>(facts.size));
  object.Set("device", std::to_string(facts.deviceMajor) + ":" + std::to_string(facts.deviceMinor));
  object.Set("owner", facts.owner);
  object.Set("mount", static_cast<double>(facts.mount));
  object.Set("fileSystem", facts.fileSystem);
  object.Set("local", facts.local);
  object.Set("mincore", nameOf(facts.mincore));
  object.Set("cachestat", nameOf(facts.cachestat));
  object.Set("readNow", facts.readNow);
  object.Set("firstRead", facts.firstRead);
  object.Set("firstPopulate", facts.firstPopulate);
  return object;
}

Napi::Value failure(Napi::Env env, const Opening& opening) {
  Napi::Error error = Napi::Error::New(env, opening.kind != nullptr ? opening.kind : strerror(opening.error));
  if (opening.kind != nullptr) {
    error.Set("kind", opening.kind);
  } else {
    error.Set("errno", Napi::Number::New(env, opening.error));
    error.Set("syscall", opening.syscall);
  }
  return error.Value();
}

}  // namespace

Napi::Value probeMachineOrFile(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<Environment> environment = Environment::of(env);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  std::string path;
  if (info[0].IsBuffer()) {
    auto bytes = info[0].As<Napi::Buffer<char>>();
    path.assign(bytes.Data(), bytes.Length());
  }
  if (!info[0].IsUndefined() && (path.empty() || path.find('\0') != std::string::npos))
    throw refused(env, "a path that is empty or contains a zero byte");
  environment->hold(env);
  if (path.empty()) {
    Fetcher::instance().run(Fetcher::kMemory, [environment, deferred] {
      const probe::KernelFacts facts = probe::aboutKernel();
      environment->run([environment, deferred, facts](Napi::Env env) {
        environment->release(env);
        deferred->Resolve(describe(env, facts));
      });
    });
    return deferred->Promise();
  }
  Fetcher::instance().run(Fetcher::kUnknown, [environment, deferred, path] {
    const Opening opening = openPath(path);
    probe::FileFacts facts;
    if (opening.fd >= 0) {
      facts = probe::aboutFile(opening.fd, opening.status);
      close(opening.fd);
    }
    environment->run([environment, deferred, opening, facts](Napi::Env env) {
      environment->release(env);
      if (opening.fd >= 0)
        deferred->Resolve(describe(env, facts));
      else
        deferred->Reject(failure(env, opening));
    });
  });
  return deferred->Promise();
}

}  // namespace nofault
