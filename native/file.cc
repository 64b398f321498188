#include "file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "arguments.h"
#include "background.h"
#include "errors.h"
#include "fetcher.h"
#include "file_system.h"
#include "guard.h"
#include "kernel.h"
#include "mapped_entries.h"
#include "opening.h"
#include "page_map.h"
#include "residency_map.h"

namespace nofault {

namespace {

// Calls `found(first, pages, index)` for the entries of a vector that a call names: (indexes, first, count).
template <class Found>
void eachEntry(const Napi::CallbackInfo& info, uint64_t filePages, Found found) {
  auto entries = arrayOf<Napi::Uint32Array>(info.Env(), info[0]);
  auto first = arrayOf<Napi::Float64Array>(info.Env(), info[1]);
  auto count = arrayOf<Napi::Float64Array>(info.Env(), info[2]);
  const auto end = static_cast<double>(filePages);
  for (size_t i = 0; i < entries.ElementLength(); ++i) {
    const uint32_t entry = entries[i];
    if (entry >= first.ElementLength() || entry >= count.ElementLength() ||
        !(first[entry] >= 0 && count[entry] >= 1 && count[entry] <= UINT32_MAX && first[entry] + count[entry] <= end))
      throw refused(info.Env(), "an entry that does not lie in the file");
    found(static_cast<uint64_t>(first[entry]), static_cast<uint32_t>(count[entry]), entry);
  }
}

// The constructor's argument: what an opening made.
struct Made {
  std::shared_ptr<OpenFile> file;
};
constexpr napi_type_tag kMadeTag = {0x6e6f6661756c7401, 0x8d1f0c5a37b2e946};

}  // namespace

Napi::FunctionReference File::define(Napi::Env env) {
  return Napi::Persistent(DefineClass(env, "NativeFile",
                                      {InstanceMethod<&File::place>("place"),
                                       InstanceMethod<&File::remove>("remove"),
                                       InstanceMethod<&File::idle>("idle"),
                                       InstanceMethod<&File::empty>("empty"),
                                       InstanceMethod<&File::residency>("residency"),
                                       InstanceMethod<&File::mapped>("mapped"),
                                       InstanceMethod<&File::fetch>("fetch"),
                                       InstanceMethod<&File::cancel>("cancel"),
                                       InstanceMethod<&File::residencyMap>("residencyMap"),
                                       InstanceMethod<&File::lock>("lock"),
                                       InstanceMethod<&File::unlock>("unlock"),
                                       InstanceMethod<&File::confirm>("confirm"),
                                       InstanceMethod<&File::endLocks>("endLocks"),
                                       InstanceMethod<&File::counters>("counters"),
                                       InstanceMethod<&File::marked>("marked"),
                                       InstanceMethod<&File::look>("look"),
                                       InstanceMethod<&File::resize>("resize"),
                                       InstanceMethod<&File::readNow>("readNow"),
                                       InstanceMethod<&File::sizeNow>("sizeNow"),
                                       InstanceMethod<&File::touching>("touching"),
                                       InstanceMethod<&File::close>("close")}));
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
    descriptor = fcntl(static_cast<int>(wholeOf(env, info[0], INT32_MAX)), F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0) throw systemError(env, "cannot duplicate the file descriptor", errno, "dup");
  } else {
    throw refused(env, "to open anything but a Buffer or a file descriptor");
  }
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  const bool trusting = info[1].ToBoolean();
  environment->hold(env);
  Fetcher::instance().run(Fetcher::kUnknown, [environment, deferred, path, descriptor, trusting] {
    Opening opening = descriptor < 0 ? openPath(path) : openDescriptor(descriptor);
    std::shared_ptr<OpenFile> file;
    if (opening.fd >= 0) {
      const dev_t device = opening.status.st_dev;
      file =
          std::make_shared<OpenFile>(opening.fd, static_cast<uint64_t>(opening.status.st_size), device,
                                     Fetcher::instance().share(device, opening.status.st_ino), environment, trusting);
    }
    environment->run([environment, deferred, file, opening](Napi::Env env) {
      environment->release(env);
      if (file) {
        Made made{file};
        auto external = Napi::External<Made>::New(env, &made);
        external.TypeTag(&kMadeTag);
        Napi::Object object = environment->newFile(external);
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
  if (!info[0].IsExternal() || !info[0].As<Napi::External<Made>>().CheckTypeTag(&kMadeTag))
    throw refused(env, "to make a file: use open");
  file_ = info[0].As<Napi::External<Made>>().Data()->file;
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("fd", Napi::Number::New(env, file_->fd));
  self.Set("size", Napi::Number::New(env, static_cast<double>(file_->size)));
  self.Set("readsNow", Napi::Boolean::New(env, file_->state->readsNow));
  self.Set("blind", Napi::Boolean::New(env, file_->state->blind));
  self.Set("watched", Napi::Boolean::New(env, file_->state->watched));
  self.Set("record", Napi::Buffer<char>::New(env, reinterpret_cast<char*>(&file_->state->shared), sizeof(Record),
                                             [state = file_->state](Napi::Env, char*) {}));
  // The hottest call of all: a bare function costs a fraction of a method on a wrapped object.
  auto* shared = new std::shared_ptr<std::shared_ptr<OpenFile>>(shared_);
  napi_value function = nullptr;
  napi_create_function(env, "hit", NAPI_AUTO_LENGTH, &File::hit, shared, &function);
  napi_add_finalizer(
      env, function, shared,
      [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<std::shared_ptr<OpenFile>>*>(data); },
      nullptr, nullptr);
  self.Set("hit", function);
  self.TypeTag(&kTag);
}

File::~File() {
  for (const auto& [id, weak] : requests_) {
    if (const auto request = weak.lock()) Fetcher::instance().cancel(request);
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
  uint8_t state = kMissing;
  if (file != nullptr && page >= 0 && page < 9007199254740992.0) {
    const auto number = static_cast<uint64_t>(page);
    Window* window = file->windows.find(number);
    if (window != nullptr && number - window->firstPage < window->pageCount)
      state = file->residency.hit(*window, number);
  }
  napi_value result = nullptr;
  napi_create_uint32(env, state, &result);
  return result;
}

Napi::Value File::residency(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  auto first = arrayOf<Napi::Float64Array>(env, info[0]);
  auto count = arrayOf<Napi::Float64Array>(env, info[1]);
  const size_t from = whole32Of(env, info[2]), to = whole32Of(env, info[3]);
  auto states = arrayOf<Napi::Uint8Array>(env, info[4]);
  const bool more = info[5].ToBoolean(), noting = info[6].ToBoolean();
  if (from > to || first.ElementLength() < to || count.ElementLength() < to || states.ElementLength() < to)
    throw refused(env, "arrays shorter than their length");
  const double* firsts = first.Data();
  const double* counts = count.Data();
  // An entry at any alignment may touch one page more than its length fills.
  const uint64_t longestPages = kLongestEntry / kernel::pageSize() + 1;
  const auto longest = static_cast<double>(longestPages);
  bool good = true;
  for (size_t i = from; i < to; ++i)
    good &= states.Data()[i] != kMissing ||
            (firsts[i] >= 0 && firsts[i] < 9007199254740992.0 && counts[i] >= 1 && counts[i] <= longest);
  if (!good) throw refused(env, "an entry that no file has");
  return Napi::Number::New(env, static_cast<double>(file.residency.vector(file.windows, firsts, counts, from, to,
                                                                          states.Data(), more, noting)));
}

Napi::Value File::mapped(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  const std::shared_ptr<OpenFile> file = file_;
  std::vector<AskedEntry> asked;
  eachEntry(info, pages(), [&](uint64_t first, uint32_t pages, uint32_t index) {
    asked.push_back({first, pages, index});
  });
  return onThread(
      env, Fetcher::kMemory, [file, asked = std::move(asked)] { return askMapped(*file, asked); },
      [](Napi::Env env, const MappedEntries& answer) {
        Napi::Object result = Napi::Object::New(env);
        auto unmapped = Napi::Uint32Array::New(env, answer.unmapped.size());
        std::copy(answer.unmapped.begin(), answer.unmapped.end(), unmapped.Data());
        result.Set("asOf", answer.asOf);
        result.Set("unmapped", unmapped);
        return result;
      });
}

Napi::Value File::fetch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  // Another environment may have let somebody take the signals, unseen by this one.
  guard::install();
  static std::atomic<uint64_t> requests{0};
  const auto id = static_cast<double>(++requests);
  auto request = std::make_shared<Request>(id, file_, info[3].ToBoolean());
  request->entries.reserve(arrayOf<Napi::Uint32Array>(env, info[0]).ElementLength());
  eachEntry(info, pages(), [&](uint64_t first, uint32_t pages, uint32_t index) {
    request->entries.push_back({first, pages, index});
  });
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
  const auto known = requests_.find(numberOf(info.Env(), info[0]));
  if (known == requests_.end()) return;
  if (const auto request = known->second.lock()) Fetcher::instance().cancel(request);
  requests_.erase(known);
}

Napi::Value File::residencyMap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<OpenFile> file = file_;
  opened(env);
  const uint64_t first = wholeOf(env, info[0]), count = wholeOf(env, info[1]);
  if (first + count > pages()) throw refused(env, "a range that does not lie in the file");
  return onThread(
      env, file->device,
      [file, first, count] {
        return mapResidency(file->fd, first, count, fileSystemOf(file->fd).countsPages,
                            [&file] { return file->state->truthful(); });
      },
      showPageMap);
}

Napi::Value File::look(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  const std::shared_ptr<OpenFile> file = file_;
  std::string path;
  if (info[0].IsBuffer()) {
    auto bytes = info[0].As<Napi::Buffer<char>>();
    path.assign(bytes.Data(), bytes.Length());
    if (path.empty() || path.find('\0') != std::string::npos)
      throw refused(env, "a path that is empty or contains a zero byte");
  } else if (!info[0].IsUndefined()) {
    throw refused(env, "a path that is no Buffer");
  }
  return onThread(
      env, file->device, [file, path] { return lookAgain(file->fd, path); },
      [](Napi::Env env, const Look& look) {
        if (look.error != 0) throw systemError(env, strerror(look.error), look.error, "stat");
        Napi::Object result = Napi::Object::New(env);
        result.Set("size", Napi::Number::New(env, static_cast<double>(look.size)));
        result.Set("same", Napi::Boolean::New(env, look.same));
        return result;
      });
}

void File::resize(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  file.resize(wholeOf(env, info[0]));
}

Napi::Value File::readNow(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  const uint64_t offset = wholeOf(env, info[0]);
  auto into = arrayOf<Napi::Uint8Array>(env, info[1]);
  if (offset + into.ElementLength() > file.size) throw refused(env, "a range that does not lie in the file");
  const int64_t read = kernel::readNow(file.fd, offset, into.Data(), into.ElementLength());
  return Napi::Number::New(env, static_cast<double>(read));
}

Napi::Value File::sizeNow(const Napi::CallbackInfo& info) {
  const std::optional<uint64_t> size = kernel::sizeNow(opened(info.Env()).fd);
  return size ? Napi::Number::New(info.Env(), static_cast<double>(*size)) : info.Env().Undefined();
}

void File::touching(const Napi::CallbackInfo& info) { opened(info.Env()).residency.touching(info[0].ToBoolean()); }

Napi::Value File::marked(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  const uint64_t first = wholeOf(env, info[0]), count = wholeOf(env, info[1]);
  if (count == 0 || first + count > pages()) throw refused(env, "an entry that does not lie in the file");
  auto answer = Napi::Float64Array::New(env, 2);
  const Window* window = file.windows.find(first);
  uint64_t bad = 0;
  if (window != nullptr) answer[size_t{0}] = static_cast<double>(window->marked(first, count, &bad));
  answer[size_t{1}] = static_cast<double>(bad);
  return answer;
}

Napi::Value File::counters(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  OpenFile& file = opened(env);
  std::vector<std::shared_ptr<Request>> requests;
  for (const auto& [id, weak] : requests_) {
    if (auto request = weak.lock()) requests.push_back(std::move(request));
  }
  const Latency::Quantiles latency = file.latency.quantiles();
  const double values[] = {static_cast<double>(file.joined.load()),
                           static_cast<double>(file.bytesFetched.load()),
                           static_cast<double>(file.state->dropped.load()),
                           static_cast<double>(Fetcher::instance().queued(requests)),
                           latency.p50,
                           latency.p90,
                           latency.p99,
                           latency.max,
                           static_cast<double>(file.hits.load()),
                           static_cast<double>(file.misses.load()),
                           static_cast<double>(file.awaited.load())};
  auto numbers = Napi::Float64Array::New(env, std::size(values));
  std::copy(std::begin(values), std::end(values), numbers.Data());
  return numbers;
}

Napi::Value File::close(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  opened(env);
  for (const auto& [id, weak] : requests_) {
    if (const auto request = weak.lock()) Fetcher::instance().cancel(request);
  }
  requests_.clear();
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  const std::shared_ptr<Environment> environment = file_->environment;
  // A thread that still reads keeps the descriptor until it is done. JavaScript does not wait for ever.
  file_->closed = [environment, deferred] {
    environment->run([deferred](Napi::Env env) { deferred->Resolve(env.Undefined()); });
  };
  Fetcher::instance().run(Fetcher::kClosing, [file = std::move(file_)]() mutable { file.reset(); });
  return deferred->Promise();
}

}  // namespace nofault
