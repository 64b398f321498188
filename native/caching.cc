#include "caching.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "background.h"
#include "cached_file.h"
#include "errors.h"
#include "fetcher.h"
#include "file_system.h"
#include "kernel.h"
#include "opening.h"
#include "page_map.h"

namespace nofault {

namespace {

using Handle = Napi::External<std::shared_ptr<CachedFile>>;
constexpr napi_type_tag kHandleTag = {0x6e6f6661756c7402, 0x41c67e9b02d8f35a};

std::string pathOf(Napi::Env env, const Napi::Value& value) {
  if (!value.IsBuffer()) throw refused(env, "a path that is no Buffer");
  auto bytes = value.As<Napi::Buffer<char>>();
  std::string path(bytes.Data(), bytes.Length());
  if (path.empty() || path.find('\0') != std::string::npos)
    throw refused(env, "a path that is empty or contains a zero byte");
  return path;
}

void letGo(std::shared_ptr<CachedFile> file) {
  if (file) Fetcher::instance().run(Fetcher::kClosing, [file = std::move(file)]() mutable { file.reset(); });
}

std::shared_ptr<CachedFile>& heldBy(Napi::Env env, const Napi::Value& handle) {
  if (!handle.IsExternal() || !handle.As<Handle>().CheckTypeTag(&kHandleTag)) throw refused(env, "what is no file");
  return *handle.As<Handle>().Data();
}

const std::shared_ptr<CachedFile>& fileOf(Napi::Env env, const Napi::Value& handle) {
  const std::shared_ptr<CachedFile>& file = heldBy(env, handle);
  if (!file) throw refused(env, "a file that has been closed");
  return file;
}

// A page number of a file, or one behind its last.
bool mayBePage(double page) { return page >= 0 && page * static_cast<double>(kernel::pageSize()) <= kLargestWhole; }

uint64_t pageOf(Napi::Env env, const Napi::Value& value) {
  const uint64_t page = wholeOf(env, value);
  if (!mayBePage(static_cast<double>(page))) throw refused(env, "a page that no file has");
  return page;
}

}  // namespace

Napi::Value openCached(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string path = pathOf(env, info[0]);
  std::string root = info[1].IsUndefined() ? std::string() : pathOf(env, info[1]);
  struct Opened {
    Opening opening;
    std::shared_ptr<CachedFile> file;
    bool interface = false;
  };
  return onThread(
      env, Fetcher::kUnknown,
      [path = std::move(path), root = std::move(root)] {
        Opened opened;
        opened.opening = root.empty() ? openPath(path) : openBelow(root, path);
        const Opening& opening = opened.opening;
        if (opening.fd < 0) return opened;
        const FileSystem system = fileSystemOf(opening.fd);
        opened.interface = system.interface;
        opened.file = std::make_shared<CachedFile>(opening.fd, opening.status.st_dev,
                                                   system.countsPages && kernel::abilities().cachestat);
        return opened;
      },
      [](Napi::Env env, Opened& opened) {
        const Opening& opening = opened.opening;
        if (!opened.file) {
          Napi::Error error = Napi::Error::New(env, opening.kind != nullptr ? opening.kind : strerror(opening.error));
          if (opening.kind != nullptr) {
            error.Set("mode", Napi::Number::New(env, opening.status.st_mode & S_IFMT));
          } else {
            error.Set("errno", Napi::Number::New(env, opening.error));
            error.Set("syscall", Napi::String::New(env, opening.syscall));
          }
          throw error;
        }
        Napi::Object object = Napi::Object::New(env);
        auto* held = new std::shared_ptr<CachedFile>(std::move(opened.file));
        auto handle = Handle::New(env, held, [](Napi::Env, std::shared_ptr<CachedFile>* held) {
          letGo(std::move(*held));
          delete held;
        });
        handle.TypeTag(&kHandleTag);
        object.Set("handle", handle);
        object.Set("size", static_cast<double>(opening.status.st_size));
        object.Set("device",
                   std::to_string(major(opening.status.st_dev)) + ":" + std::to_string(minor(opening.status.st_dev)));
        object.Set("interface", opened.interface);
        return object;
      });
}

Napi::Value residencyOf(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<CachedFile> file = fileOf(env, info[0]);
  const uint64_t first = pageOf(env, info[1]);
  const uint64_t count = pageOf(env, info[2]);
  return onThread(
      env, file->device, [file, first, count] { return file->residency(first, count); }, showPageMap);
}

Napi::Value findMissing(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<CachedFile> file = fileOf(env, info[0]);
  const uint64_t from = pageOf(env, info[1]);
  const uint64_t to = pageOf(env, info[2]);
  return onThread(
      env, file->device, [file, from, to] { return file->missing(from, to); },
      [](Napi::Env env, CachedFile::Missing& missing) {
        auto edges = Napi::Float64Array::New(env, missing.edges.size());
        if (!missing.edges.empty()) memcpy(edges.Data(), missing.edges.data(), missing.edges.size() * sizeof(double));
        Napi::Object object = Napi::Object::New(env);
        object.Set("edges", edges);
        object.Set("reached", static_cast<double>(missing.reached));
        return object;
      });
}

Napi::Value bringIn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<CachedFile> file = fileOf(env, info[0]);
  auto numbers = arrayOf<Napi::Float64Array>(env, info[1]);
  std::vector<double> edges(numbers.Data(), numbers.Data() + numbers.ElementLength());
  double last = -1;
  for (const double edge : edges) {
    if (!mayBePage(edge) || !(edge > last)) throw refused(env, "runs that are not sorted, or that no file has");
    last = edge;
  }
  if (edges.size() % 2 != 0) throw refused(env, "half a run");
  const bool inOrder = info[2].ToBoolean();
  return onThread(
      env, file->device, [file, edges = std::move(edges), inOrder] { return file->bringIn(edges, inOrder); },
      [](Napi::Env env, const std::vector<BadPage>& bad) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("badPages", static_cast<double>(bad.size()));
        if (bad.empty()) return object;
        object.Set("page", static_cast<double>(bad.front().page));
        object.Set("errno", bad.front().error);
        object.Set("truncated", bad.front().truncated);
        return object;
      });
}

Napi::Value drop(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<CachedFile> file = fileOf(env, info[0]);
  const uint64_t first = pageOf(env, info[1]);
  const uint64_t count = pageOf(env, info[2]);
  const bool flush = info[3].ToBoolean();
  return onThread(
      env, file->device, [file, first, count, flush] { return file->drop(first, count, flush); },
      [](Napi::Env env, const CachedFile::Dropped& dropped) {
        Napi::Object object = Napi::Object::New(env);
        object.Set("errno", dropped.error);
        object.Set("before", static_cast<double>(dropped.before));
        object.Set("after", static_cast<double>(dropped.after));
        return object;
      });
}

void closeCached(const Napi::CallbackInfo& info) { letGo(std::exchange(heldBy(info.Env(), info[0]), nullptr)); }

}  // namespace nofault
