#include "file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "fetcher.h"
#include "kernel.h"
#include "opening.h"
#include "residency_map.h"
#include "window_memory.h"

namespace nofault {

namespace {

Napi::Error systemError(Napi::Env env, const std::string& message, int number, const char* syscall) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("errno", Napi::Number::New(env, number));
  if (syscall != nullptr) error.Set("syscall", Napi::String::New(env, syscall));
  return error;
}

Napi::RangeError refused(Napi::Env env, const char* what) {
  return Napi::RangeError::New(env, std::string("nofault's addon refuses ") + what);
}

// The constructor's argument: what an opening made.
struct Made {
  std::shared_ptr<OpenFile> file;
};

}  // namespace

Napi::FunctionReference File::define(Napi::Env env) {
  return Napi::Persistent(
      DefineClass(env, "NativeFile",
                  {InstanceMethod<&File::place>("place"), InstanceMethod<&File::remove>("remove"),
                   InstanceMethod<&File::idle>("idle"), InstanceMethod<&File::empty>("empty"),
                   InstanceMethod<&File::residency>("residency"), InstanceMethod<&File::fetch>("fetch"),
                   InstanceMethod<&File::cancel>("cancel"), InstanceMethod<&File::residencyMap>("residencyMap"),
                   InstanceMethod<&File::counters>("counters"), InstanceMethod<&File::close>("close")}));
}

Napi::Value File::open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<Environment> environment = Environment::of(env);
  std::string path;
  int descriptor = -1;
  if (info[0].IsBuffer()) {
    auto bytes = info[0].As<Napi::Buffer<char>>();
    path.assign(bytes.Data(), bytes.Length());
    if (path.empty() || path.find('\0') != std::string::npos)
      throw refused(env, "a path that is empty or contains a zero byte");
  } else if (info[0].IsNumber()) {
    descriptor = fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(env, "cannot duplicate the file descriptor", errno, "dup");
  } else {
    throw refused(env, "to open anything but a Buffer or a file descriptor");
  }
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  environment->hold(env);
  Fetcher::instance().run(Fetcher::kUnknown, [environment, deferred, path, descriptor] {
    Opening opening = descriptor < 0 ? openPath(path) : openDescriptor(descriptor);
    std::shared_ptr<OpenFile> file;
    if (opening.fd >= 0) {
      const dev_t device = opening.status.st_dev;
      file = std::make_shared<OpenFile>(opening.fd, static_cast<uint64_t>(opening.status.st_size), device,
                                        Fetcher::instance().share(device, opening.status.st_ino), environment);
    }
    environment->run([environment, deferred, file, opening](Napi::Env env) {
      environment->release(env);
      if (file) {
        Made made{file};
        Napi::Object object = environment->newFile(Napi::External<Made>::New(env, &made));
        object.Set("path", Napi::Buffer<char>::Copy(env, opening.path.data(), opening.path.size()));
        deferred->Resolve(object);
      } else if (opening.kind != nullptr) {
        Napi::Error error = Napi::Error::New(env, opening.kind);
        error.Set("kind", Napi::String::New(env, opening.kind));
        deferred->Reject(error.Value());
      } else {
        deferred->Reject(systemError(env, strerror(opening.error), opening.error, opening.syscall).Value());
      }
    });
  });
  return deferred->Promise();
}

File::File(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<File>(info), shared_(std::make_shared<std::shared_ptr<OpenFile>>()), file_(*shared_) {
  Napi::Env env = info.Env();
  if (!info[0].IsExternal()) throw refused(env, "to make a file: use open");
  file_ = info[0].As<Napi::External<Made>>().Data()->file;
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("fd", Napi::Number::New(env, file_->fd));
  self.Set("size", Napi::Number::New(env, static_cast<double>(file_->size)));
  // The hottest call of all: a bare function costs a fraction of a method on a wrapped object.
  auto* shared = new std::shared_ptr<std::shared_ptr<OpenFile>>(shared_);
  napi_value function = nullptr;
  napi_create_function(env, "hit", NAPI_AUTO_LENGTH, &File::hit, shared, &function);
  napi_add_finalizer(
      env, function, shared,
      [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<std::shared_ptr<OpenFile>>*>(data); },
      nullptr, nullptr);
  self.Set("hit", function);
}

File::~File() {
  for (const auto& [id, weak] : requests_) {
    if (const auto request = weak.lock()) Fetcher::instance().cancel(*request);
  }
  // Whoever lets go of the file last closes it, and that may wait for a server.
  if (file_) Fetcher::instance().run(Fetcher::kClosing, [file = std::move(file_)] {});
}

OpenFile& File::opened(Napi::Env env) const {
  if (!file_) throw refused(env, "a file that has been closed");
  return *file_;
}

uint64_t File::pages() const { return (file_->size + kernel::pageSize() - 1) / kernel::pageSize(); }

napi_value File::hit(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, &argument, nullptr, &data);
  OpenFile* file = static_cast<std::shared_ptr<std::shared_ptr<OpenFile>>*>(data)->get()->get();
  double page = -1;
  napi_get_value_double(env, argument, &page);
  bool hit = false;
  if (file != nullptr && page >= 0 && page < 9007199254740992.0) {
    const auto number = static_cast<uint64_t>(page);
    const Window* window = file->windows.find(number);
    hit = window != nullptr && number - window->firstPage < window->pageCount && file->residency.hit(*window, number);
  }
  napi_value result = nullptr;
  napi_get_boolean(env, hit, &result);
  return result;
}

Napi::Value File::place(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  const double index = info[0].As<Napi::Number>().DoubleValue();
  if (!(index >= 0 && index < static_cast<double>(file.windows.count())) || !info[1].IsBuffer())
    throw refused(env, "a window that the file does not have");
  const auto number = static_cast<uint64_t>(index);
  auto buffer = info[1].As<Napi::Buffer<char>>();
  const uint64_t bytes = file.windows.pagesOf(number) * kernel::pageSize();
  if (buffer.Length() != bytes) throw refused(env, "a window of another length");
  if (file.windows.at(number)) throw refused(env, "a window that is placed already");
  const uint64_t first = file.windows.firstPage(number);
  const int error = placeWindow(buffer.Data(), bytes, file.fd, first * kernel::pageSize());
  if (error != 0) throw systemError(env, "a window of the file could not be mapped", error, "mmap");
  auto window = std::make_shared<Window>(buffer.Data(), first, bytes / kernel::pageSize());
  Napi::Value guard = adoptMemory(env, buffer, *window);
  std::lock_guard lock(file.windowsMutex);
  file.windows.set(number, std::move(window));
  return guard;
}

void File::remove(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  const double index = info[0].As<Napi::Number>().DoubleValue();
  if (!(index >= 0 && index < static_cast<double>(file.windows.count())) || !info[1].IsBuffer())
    throw refused(env, "a window that the file does not have");
  const auto number = static_cast<uint64_t>(index);
  const std::shared_ptr<Window> window = file.windows.at(number);
  auto buffer = info[1].As<Napi::Buffer<char>>();
  if (!window || buffer.Data() != window->base) throw refused(env, "to remove a window that is not placed there");
  window->alive.store(false, std::memory_order_release);
  {
    std::lock_guard lock(file.windowsMutex);
    file.windows.set(number, nullptr);
  }
  if (!info[2].ToBoolean()) {
    giveUpMemory(env, *window);
  } else if (const int error = detachMemory(env, *window, buffer.ArrayBuffer())) {
    throw systemError(env, "a window could not be taken off the file", error, "mmap");
  }
}

void File::detachGivenUp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArrayBuffer()) throw refused(env, "to detach anything but an ArrayBuffer");
  const int error = detachGivenUpMemory(env, info[0].As<Napi::ArrayBuffer>());
  if (error < 0) throw refused(env, "memory that is no window given up");
  if (error > 0) throw systemError(env, "a window could not be taken off the file", error, "mmap");
}

Napi::Value File::idle(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  const double index = info[0].As<Napi::Number>().DoubleValue();
  if (!(index >= 0 && index < static_cast<double>(file.windows.count())))
    throw refused(env, "a window that the file does not have");
  // Under the lock nobody takes a share; whoever has one is a job.
  std::lock_guard lock(file.windowsMutex);
  return Napi::Boolean::New(env, file.windows.at(static_cast<uint64_t>(index)).use_count() <= 1);
}

Napi::Value File::empty(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  auto indexes = info[0].As<Napi::Float64Array>();
  auto windows = std::make_shared<std::vector<std::shared_ptr<Window>>>();
  for (size_t i = 0; i < indexes.ElementLength(); ++i) {
    if (!(indexes[i] >= 0 && indexes[i] < static_cast<double>(file.windows.count())))
      throw refused(env, "a window that the file does not have");
    if (auto window = file.windows.at(static_cast<uint64_t>(indexes[i]))) windows->push_back(std::move(window));
  }
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  const std::shared_ptr<Environment> environment = file.environment;
  environment->hold(env);
  Fetcher::instance().run(Fetcher::kMemory, [environment, deferred, windows] {
    for (const auto& window : *windows) {
      // Unlike other advice, this one would destroy what a new owner of the range had put there.
      if (!environment->beginExclusive()) return;
      if (window->alive.load(std::memory_order_acquire)) emptyWindow(*window);
      environment->endExclusive();
    }
    environment->run([environment, deferred](Napi::Env env) {
      environment->release(env);
      deferred->Resolve(env.Undefined());
    });
  });
  return deferred->Promise();
}

Napi::Value File::residency(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  auto first = info[0].As<Napi::Float64Array>();
  auto count = info[1].As<Napi::Float64Array>();
  const size_t length = info[2].As<Napi::Number>().Uint32Value();
  auto states = info[3].As<Napi::Uint8Array>();
  if (first.ElementLength() < length || count.ElementLength() < length || states.ElementLength() < length)
    throw refused(env, "arrays shorter than their length");
  const double* firsts = first.Data();
  const double* counts = count.Data();
  const auto pages = static_cast<double>(this->pages());
  // An entry at any alignment may touch one page more than its length fills.
  const uint64_t longestPages = kLongestEntry / kernel::pageSize() + 1;
  const auto longest = static_cast<double>(longestPages);
  bool good = true;
  for (size_t i = 0; i < length; ++i)
    good &= states.Data()[i] != 0 ||
            (firsts[i] >= 0 && counts[i] >= 1 && firsts[i] + counts[i] <= pages && counts[i] <= longest);
  if (!good) throw refused(env, "an entry that does not lie in the file");
  return Napi::Number::New(
      env, static_cast<double>(file.residency.vector(file.windows, firsts, counts, length, states.Data())));
}

Napi::Value File::fetch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  auto entries = info[0].As<Napi::Uint32Array>();
  auto first = info[1].As<Napi::Float64Array>();
  auto count = info[2].As<Napi::Float64Array>();
  const bool scan = info[3].ToBoolean();
  static std::atomic<uint64_t> requests{0};
  const auto id = static_cast<double>(++requests);
  const auto pages = static_cast<double>(this->pages());
  auto request = std::make_shared<Request>(id, file_, scan);
  request->entries.reserve(entries.ElementLength());
  for (size_t i = 0; i < entries.ElementLength(); ++i) {
    const uint32_t entry = entries[i];
    if (entry >= first.ElementLength() || entry >= count.ElementLength() ||
        !(first[entry] >= 0 && count[entry] >= 1 && first[entry] + count[entry] <= pages))
      throw refused(env, "an entry that does not lie in the file");
    request->entries.push_back({static_cast<uint64_t>(first[entry]), static_cast<uint32_t>(count[entry]), entry});
  }
  if (request->entries.empty()) throw refused(env, "a request for nothing");
  if (requests_.size() >= crowded_) {
    std::erase_if(requests_, [](const auto& known) { return known.second.expired(); });
    crowded_ = 2 * requests_.size() + 64;
  }
  requests_[id] = request;
  Fetcher::instance().submit(std::move(request));
  return Napi::Number::New(env, id);
}

void File::cancel(const Napi::CallbackInfo& info) {
  const auto known = requests_.find(info[0].As<Napi::Number>().DoubleValue());
  if (known == requests_.end()) return;
  if (const auto request = known->second.lock()) Fetcher::instance().cancel(*request);
  requests_.erase(known);
}

Napi::Value File::residencyMap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<OpenFile> file = file_;
  opened(env);
  const double first = info[0].As<Napi::Number>().DoubleValue(), count = info[1].As<Napi::Number>().DoubleValue();
  if (!(first >= 0 && count >= 0 && first + count <= static_cast<double>(pages())))
    throw refused(env, "a range that does not lie in the file");
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  file->environment->hold(env);
  Fetcher::instance().run(file->device, [file, deferred, first, count] {
    auto map =
        std::make_shared<PageMap>(mapResidency(file->fd, static_cast<uint64_t>(first), static_cast<uint64_t>(count)));
    file->environment->run([file, deferred, map](Napi::Env env) {
      file->environment->release(env);
      Napi::Object result = Napi::Object::New(env);
      auto lengths = Napi::Float64Array::New(env, map->lengths.size());
      if (!map->lengths.empty()) memcpy(lengths.Data(), map->lengths.data(), map->lengths.size() * sizeof(double));
      result.Set("known", map->known);
      result.Set("lengths", lengths);
      deferred->Resolve(result);
    });
  });
  return deferred->Promise();
}

Napi::Value File::counters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  auto numbers = Napi::Float64Array::New(env, 3);
  numbers[size_t{0}] = static_cast<double>(file.joined.load());
  numbers[size_t{1}] = static_cast<double>(file.bytesFetched.load());
  numbers[size_t{2}] = static_cast<double>(file.residency.blockedTouches());
  return numbers;
}

Napi::Value File::close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  for (const auto& [id, weak] : requests_) {
    if (const auto request = weak.lock()) Fetcher::instance().cancel(*request);
  }
  requests_.clear();
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  const std::shared_ptr<Environment> environment = file_->environment;
  // A read that hangs keeps the descriptor until it ends, and is not waited for.
  Fetcher::instance().run(Fetcher::kClosing, [environment, deferred, file = std::move(file_)]() mutable {
    file.reset();
    environment->run([deferred](Napi::Env env) { deferred->Resolve(env.Undefined()); });
  });
  return deferred->Promise();
}

}  // namespace nofault
