// A folder whose entries are listed, and looked at from there.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "survey.h"

namespace nofault {

struct FolderOpening {
  int fd = -1;
  int error = 0;
  dev_t device = 0;
  ino_t inode = 0;
  bool countsPages = false, interface = false;  // as of FileSystem
};

// `parent` may be AT_FDCWD. With `follow`, a symbolic link to a folder is one.
FolderOpening openFolderAt(int parent, const std::string& name, bool follow);

// Names, each with a zero byte behind it, and what they name: a DT_ of readdir(3), never DT_UNKNOWN.
struct Names {
  std::string names;
  std::vector<uint8_t> kinds;
};

struct Listing {
  Names entries;
  bool end = false;
  int error = 0;  // of the reading, which is over then
};

class Folder {
 public:
  explicit Folder(const FolderOpening& opening) : device(opening.device), directory_(fdopendir(opening.fd)) {}
  ~Folder() {
    if (directory_ != nullptr) closedir(directory_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // The next entries, at most so many, without `.` and `..`. One thread at a time.
  Listing read(size_t most);
  int fd() const { return dirfd(directory_); }
  bool opened() const { return directory_ != nullptr; }

  const dev_t device;

 private:
  DIR* const directory_;
};

}  // namespace nofault
