#include "folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "file_system.h"

namespace nofault {

FolderOpening openFolderAt(int parent, const std::string& name, bool follow) {
  FolderOpening opening;
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
  opening.fd = openat(parent, name.c_str(), flags);
  struct stat status {};
  if (opening.fd < 0 || fstat(opening.fd, &status) != 0) {
    opening.error = errno;
    if (opening.fd >= 0) close(opening.fd);
    opening.fd = -1;
    return opening;
  }
  const FileSystem system = fileSystemOf(opening.fd);
  opening.device = status.st_dev;
  opening.inode = status.st_ino;
  opening.countsPages = system.countsPages;
  opening.interface = system.interface;
  return opening;
}

Listing Folder::read(size_t most) {
  Listing listing;
  while (listing.entries.kinds.size() < most) {
    errno = 0;
    const dirent* entry = readdir(directory_);
    if (entry == nullptr) {
      listing.end = true;
      listing.error = errno;
      break;
    }
    const char* name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    uint8_t kind = entry->d_type;
    if (kind == DT_UNKNOWN) {
      // One that has gone meanwhile counts as a file: opening it says so.
      struct stat status {};
      const bool found = fstatat(fd(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
      kind = found ? static_cast<uint8_t>(IFTODT(status.st_mode)) : uint8_t{DT_REG};
    }
    listing.entries.names.append(name, strlen(name) + 1);
    listing.entries.kinds.push_back(kind);
  }
  return listing;
}

}  // namespace nofault
