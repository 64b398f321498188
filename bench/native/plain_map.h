#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace baseline {

// A whole file, mapped the way any program maps one: what a reader has who does not use nofault. Everything that is
// timed is timed in here, around the bare loop, so that no call from JavaScript and no check of arguments is charged to
// it.
class PlainMap : public Napi::ObjectWrap<PlainMap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PlainMap(const Napi::CallbackInfo& info);
  ~PlainMap() override;

 private:
  // touch(pages): nanoseconds for reading the first byte of each page, one after the other.
  Napi::Value touch(const Napi::CallbackInfo& info);
  // askAndRead(pages): nanoseconds for one mincore and, if it says resident, one byte read, page after page.
  Napi::Value askAndRead(const Napi::CallbackInfo& info);
  // ask(pages, span): nanoseconds for one mincore over `span` pages from each page on.
  Napi::Value ask(const Napi::CallbackInfo& info);
  // residentPages(): how many pages of the file are in the page cache.
  Napi::Value residentPages(const Napi::CallbackInfo& info);
  // bytes(): the mapping as an ArrayBuffer, until unmap().
  Napi::Value bytes(const Napi::CallbackInfo& info);
  Napi::Value unmap(const Napi::CallbackInfo& info);

  void release();
  // The pages, all of which lie in the mapping with `span` pages from each; throws a RangeError otherwise.
  Napi::Uint32Array pages(const Napi::Value& value, size_t span);

  const uint8_t* base_ = nullptr;
  size_t length_ = 0;
  Napi::Reference<Napi::ArrayBuffer> view_;
};

}  // namespace baseline
