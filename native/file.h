// An open file as JavaScript sees it (NativeFile in src/native/file.ts): checks every argument once more, then calls
// the rooms that do the work.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>

#include "file_locks.h"
#include "file_windows.h"
#include "open_file.h"
#include "request.h"

namespace nofault {

class File : public Napi::ObjectWrap<File> {
 public:
  static constexpr napi_type_tag kTag = {0x6e6f6661756c7407, 0x51c8e27ab94d063f};
  // Refused once it has been closed.
  const std::shared_ptr<OpenFile>& openFile(Napi::Env env) const {
    opened(env);
    return file_;
  }

  // Makes the class known in an environment.
  static Napi::FunctionReference define(Napi::Env env);
  // `open(target)`: a path as a Buffer, or a file descriptor. Returns a promise of a File.
  static Napi::Value open(const Napi::CallbackInfo& info);

  explicit File(const Napi::CallbackInfo& info);
  ~File() override;

 private:
  void place(const Napi::CallbackInfo& info) { placeFileWindow(info, opened(info.Env())); }
  Napi::Value remove(const Napi::CallbackInfo& info) { return removeFileWindow(info, opened(info.Env())); }
  Napi::Value idle(const Napi::CallbackInfo& info) { return isWindowIdle(info, opened(info.Env())); }
  Napi::Value empty(const Napi::CallbackInfo& info) { return emptyWindows(info, opened(info.Env())); }
  Napi::Value residency(const Napi::CallbackInfo& info);
  Napi::Value mapped(const Napi::CallbackInfo& info);
  Napi::Value fetch(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  Napi::Value residencyMap(const Napi::CallbackInfo& info);
  Napi::Value look(const Napi::CallbackInfo& info);
  void resize(const Napi::CallbackInfo& info);
  Napi::Value readNow(const Napi::CallbackInfo& info);
  Napi::Value sizeNow(const Napi::CallbackInfo& info);
  void touching(const Napi::CallbackInfo& info);
  Napi::Value marked(const Napi::CallbackInfo& info);
  Napi::Value lock(const Napi::CallbackInfo& info) { return lockPages(info, fileOf(info)); }
  Napi::Value unlock(const Napi::CallbackInfo& info) { return unlockPages(info, fileOf(info)); }
  Napi::Value confirm(const Napi::CallbackInfo& info) { return confirmPages(info, fileOf(info)); }
  Napi::Value endLocks(const Napi::CallbackInfo& info) { return endPageLocks(info, fileOf(info)); }
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  static napi_value hit(napi_env env, napi_callback_info info);

  OpenFile& opened(Napi::Env env) const;
  const std::shared_ptr<OpenFile>& fileOf(const Napi::CallbackInfo& info) const {
    opened(info.Env());
    return file_;
  }
  uint64_t pages() const;

  // Empty once closed. The function `hit` outlives this object as long as somebody holds it, and must not keep the file
  // open.
  std::shared_ptr<std::shared_ptr<OpenFile>> shared_;
  std::shared_ptr<OpenFile>& file_;
  std::unordered_map<double, std::weak_ptr<Request>> requests_;
  size_t crowded_ = 64;  // when to look for requests that are over
};

}  // namespace nofault
