#include "inspection.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "background.h"
#include "errors.h"
#include "fetcher.h"
#include "folder.h"
#include "page_map.h"
#include "survey.h"

namespace nofault {

namespace {

// A batch ends after this time, so that progress can be told and cancelling is heard. What it did not get to is asked
// about again.
constexpr auto kLongest = std::chrono::milliseconds(15);

// The places of a row, and the bits of a question; the same as in src/native/inspection.ts.
enum Field {
  kErrno,
  kSyscall,
  kMode,
  kDevice,
  kInodeHigh,
  kInodeLow,
  kLinks,
  kSize,
  kAllocated,
  kCountsPages,
  kInterface,
  kCounted,
  kCached,
  kDirty,
  kWriteback,
  kEvicted,
  kRecentlyEvicted,
  kLastCached,
  kCells,
  kMapped,
  kWitness,
  kFields,
};
enum Bits : unsigned { kAskCachestat = 1, kAskMincore = 2, kPrune = 4, kFollow = 8, kAskFileSystem = 16 };
constexpr unsigned kMostCells = 65536;

// `bits` and `cells`.
Question questionOf(Napi::Env env, const Napi::Value& bits, const Napi::Value& cells) {
  const uint32_t asked = whole32Of(env, bits);
  Question question;
  question.bits = asked;
  question.cachestat = (asked & kAskCachestat) != 0;
  question.mincore = (asked & kAskMincore) != 0;
  question.prune = (asked & kPrune) != 0;
  question.follow = (asked & kFollow) != 0;
  question.fileSystem = (asked & kAskFileSystem) != 0;
  question.cells = whole32Of(env, cells);
  if (question.cells > kMostCells) throw refused(env, "so many cells");
  return question;
}

double number(uint64_t value) { return static_cast<double>(value); }

double syscallNumber(const char* syscall) {
  if (syscall == nullptr) return 0;
  return strcmp(syscall, "stat") == 0 ? 1 : strcmp(syscall, "open") == 0 ? 2 : 3;
}

struct SurveyBatch {
  unsigned bits = 0;
  std::vector<double> rows;
  std::vector<double> cells;
  std::vector<std::pair<uint32_t, PageMap>> maps;  // by row
};

void append(SurveyBatch& batch, Surveyed& file) {
  const double row[kFields] = {number(static_cast<unsigned>(file.error)),
                               syscallNumber(file.syscall),
                               number(file.mode & S_IFMT),
                               number(file.device),
                               number(file.inode >> 32),
                               number(file.inode & 0xffffffff),
                               number(file.links),
                               number(file.size),
                               number(file.allocated),
                               static_cast<double>(file.countsPages),
                               static_cast<double>(file.interface),
                               static_cast<double>(file.counted),
                               number(file.counts.cached),
                               number(file.counts.dirty),
                               number(file.counts.writeback),
                               number(file.counts.evicted),
                               number(file.counts.recentlyEvicted),
                               static_cast<double>(file.lastCached),
                               number(file.counted == 0 ? file.cells.size() : 0),
                               static_cast<double>(file.mapped),
                               static_cast<double>(file.witness)};
  const auto index = static_cast<uint32_t>(batch.rows.size() / kFields);
  batch.rows.insert(batch.rows.end(), row, row + kFields);
  if (file.counted == 0) batch.cells.insert(batch.cells.end(), file.cells.begin(), file.cells.end());
  if (file.mapped == 1) batch.maps.emplace_back(index, std::move(file.map));
}

// As many of the names as there is time for, and at least one. Where kinds are given, only regular files are looked at.
SurveyBatch surveyAll(int folder, const std::string& names, const uint8_t* kinds, const Question& question) {
  const auto end = std::chrono::steady_clock::now() + kLongest;
  SurveyBatch batch;
  batch.bits = question.bits;
  size_t index = 0;
  for (const char *name = names.data(), *last = name + names.size(); name < last; name += strlen(name) + 1, ++index) {
    if (index > 0 && std::chrono::steady_clock::now() >= end) break;
    Surveyed file;
    file.mode = kinds == nullptr ? S_IFREG : DTTOIF(kinds[index]);
    if (S_ISREG(file.mode)) file = survey(folder, name, question, folder != AT_FDCWD);
    append(batch, file);
  }
  return batch;
}

Napi::Value showNumbers(Napi::Env env, const std::vector<double>& numbers) {
  auto shown = Napi::Float64Array::New(env, numbers.size());
  if (!numbers.empty()) memcpy(shown.Data(), numbers.data(), numbers.size() * sizeof(double));
  return shown;
}

Napi::Object showBatch(Napi::Env env, SurveyBatch& batch) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bits", Napi::Number::New(env, batch.bits));
  object.Set("rows", showNumbers(env, batch.rows));
  object.Set("cells", showNumbers(env, batch.cells));
  Napi::Array maps = Napi::Array::New(env);
  for (auto& [index, map] : batch.maps) maps.Set(index, showPageMap(env, map));
  object.Set("maps", maps);
  return object;
}

std::string bytesOf(const Napi::Value& value) {
  auto bytes = value.As<Napi::Buffer<char>>();
  return {bytes.Data(), bytes.Length()};
}

std::string namesOf(Napi::Env env, const Napi::Value& value) {
  if (!value.IsBuffer()) throw refused(env, "names that are no Buffer");
  std::string names = bytesOf(value);
  if (names.empty() || names.back() != '\0') throw refused(env, "names without an end");
  return names;
}

std::string pathOf(Napi::Env env, const Napi::Value& value) {
  if (!value.IsBuffer()) throw refused(env, "a path that is no Buffer");
  std::string path = bytesOf(value);
  if (path.empty() || path.find('\0') != std::string::npos)
    throw refused(env, "a path that is empty or contains a zero byte");
  return path;
}

// What a NativeFolder of JavaScript holds. It may be closed before work on it is done, which then keeps the folder
// open.
struct Held {
  std::shared_ptr<Folder> folder;
  bool reading = false;

  ~Held() { letGo(); }
  // The last one closes it, and that may wait for a server.
  void letGo() {
    if (folder) Fetcher::instance().run(Fetcher::kClosing, [folder = std::move(folder)]() mutable { folder.reset(); });
    folder = nullptr;
  }
};
using Handle = Napi::External<std::shared_ptr<Held>>;
constexpr napi_type_tag kHandleTag = {0x6e6f6661756c7403, 0xb5730e92ac4d168f};

const std::shared_ptr<Held>& heldBy(Napi::Env env, const Napi::Value& handle) {
  if (!handle.IsExternal() || !handle.As<Handle>().CheckTypeTag(&kHandleTag)) throw refused(env, "what is no folder");
  return *handle.As<Handle>().Data();
}

const std::shared_ptr<Folder>& folderOf(Napi::Env env, const Napi::Value& handle) {
  const std::shared_ptr<Folder>& folder = heldBy(env, handle)->folder;
  if (!folder) throw refused(env, "a folder that has been closed");
  return folder;
}

// How much of a folder to read at once, and what to ask about its regular files meanwhile.
struct Reading {
  size_t most = 0;
  bool looking = false;
  Question question;
};

Reading readingOf(Napi::Env env, const Napi::Value& most, const Napi::Value& bits, const Napi::Value& cells) {
  Reading reading;
  reading.most = whole32Of(env, most);
  reading.looking = !bits.IsUndefined();
  if (reading.most == 0) throw refused(env, "to read nothing");
  if (reading.looking) reading.question = questionOf(env, bits, cells);
  return reading;
}

struct Read {
  Listing listing;
  SurveyBatch batch;
};

Read read(Folder& folder, const Reading& reading) {
  Read result{folder.read(reading.most), {}};
  const Names& entries = result.listing.entries;
  if (reading.looking && !entries.kinds.empty())
    result.batch = surveyAll(folder.fd(), entries.names, entries.kinds.data(), reading.question);
  return result;
}

Napi::Object showRead(Napi::Env env, Read& read) {
  Napi::Object object = showBatch(env, read.batch);
  const Names& entries = read.listing.entries;
  object.Set("names", Napi::Buffer<char>::Copy(env, entries.names.data(), entries.names.size()));
  object.Set("kinds", Napi::Buffer<uint8_t>::Copy(env, entries.kinds.data(), entries.kinds.size()));
  object.Set("end", read.listing.end);
  object.Set("errno", read.listing.error);
  return object;
}

Napi::Object showFolder(Napi::Env env, const FolderOpening& opening, std::shared_ptr<Folder> folder) {
  auto* held = new std::shared_ptr<Held>(std::make_shared<Held>());
  (*held)->folder = std::move(folder);
  Napi::Object object = Napi::Object::New(env);
  auto handle = Handle::New(env, held, [](Napi::Env, std::shared_ptr<Held>* held) { delete held; });
  handle.TypeTag(&kHandleTag);
  object.Set("handle", handle);
  object.Set("device", number(opening.device));
  object.Set("inode", std::to_string(opening.inode));
  object.Set("countsPages", opening.countsPages);
  object.Set("interface", opening.interface);
  return object;
}

}  // namespace

Napi::Value surveyFiles(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string names = namesOf(env, info[0]);
  const Question question = questionOf(env, info[1], info[2]);
  std::shared_ptr<Folder> folder;
  if (!info[3].IsUndefined()) folder = folderOf(env, info[3]);
  return onThread(
      env, folder ? folder->device : Fetcher::kUnknown,
      [names = std::move(names), question, folder] {
        return surveyAll(folder ? folder->fd() : AT_FDCWD, names, nullptr, question);
      },
      [](Napi::Env env, SurveyBatch& batch) { return showBatch(env, batch); });
}

Napi::Value openFolder(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = pathOf(env, info[0]);
  const bool follow = info[1].ToBoolean();
  std::shared_ptr<Folder> parent;
  if (!info[2].IsUndefined()) parent = folderOf(env, info[2]);
  const Reading reading = parent ? readingOf(env, info[3], info[4], info[5]) : Reading{};
  struct Opened {
    FolderOpening opening;
    std::shared_ptr<Folder> folder;
    std::optional<Read> first;
  };
  return onThread(
      env, parent ? parent->device : Fetcher::kUnknown,
      [parent, name = std::move(name), follow, reading] {
        Opened opened;
        opened.opening = openFolderAt(parent ? parent->fd() : AT_FDCWD, name, follow);
        if (opened.opening.fd < 0) return opened;
        opened.folder = std::make_shared<Folder>(opened.opening);
        if (!opened.folder->opened()) opened.opening.error = ENOMEM;
        // On another file system there may be another question to ask.
        else if (parent && parent->device == opened.folder->device)
          opened.first = read(*opened.folder, reading);
        return opened;
      },
      [](Napi::Env env, Opened& opened) {
        if (opened.opening.error != 0) {
          Napi::Error error = Napi::Error::New(env, strerror(opened.opening.error));
          error.Set("errno", Napi::Number::New(env, opened.opening.error));
          error.Set("syscall", Napi::String::New(env, "open"));
          throw error;
        }
        Napi::Object object = showFolder(env, opened.opening, opened.folder);
        if (opened.first) object.Set("first", showRead(env, *opened.first));
        return object;
      });
}

Napi::Value readFolder(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::shared_ptr<Folder> folder = folderOf(env, info[0]);
  const std::shared_ptr<Held> held = heldBy(env, info[0]);
  const Reading reading = readingOf(env, info[1], info[2], info[3]);
  if (held->reading) throw refused(env, "to read a folder twice at once");
  held->reading = true;
  return onThread(
      env, folder->device, [folder, reading] { return read(*folder, reading); },
      [held](Napi::Env env, Read& read) {
        held->reading = false;
        return showRead(env, read);
      });
}

void closeFolder(const Napi::CallbackInfo& info) { heldBy(info.Env(), info[0])->letGo(); }

}  // namespace nofault
