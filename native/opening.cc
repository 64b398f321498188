#include "opening.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "kernel.h"

namespace nofault {

namespace {

const char* kindOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return nullptr;
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    default:
      return "something else";
  }
}

Opening failed(Opening opening, const char* syscall) {
  opening.error = errno;
  opening.syscall = syscall;
  if (opening.fd >= 0) close(opening.fd);
  opening.fd = -1;
  return opening;
}

// As in linux/openat2.h of 5.6 and later; older headers lack it.
struct HowToOpen {
  uint64_t flags, mode, resolve;
};
constexpr uint64_t kNoMagicLinks = 0x02, kInRoot = 0x10;
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

int openInRoot(int root, const std::string& path, int flags) {
  HowToOpen how{static_cast<uint64_t>(flags), 0, kInRoot | kNoMagicLinks};
  return static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

// What every opened file goes through: it must be regular, and reads through its descriptor must be exact.
Opening checked(Opening opening) {
  if (fstat(opening.fd, &opening.status) != 0) return failed(opening, "fstat");
  opening.kind = kindOf(opening.status.st_mode);
  if (opening.kind != nullptr) {
    close(opening.fd);
    opening.fd = -1;
    return opening;
  }
  kernel::readAhead(opening.fd, false);
  return opening;
}

}  // namespace

Opening openPath(const std::string& path) {
  Opening opening;
  opening.path = path;
  // Opening some devices has effects, so it is looked at first; it may be exchanged in between, so O_NONBLOCK and a
  // second look follow.
  if (stat(path.c_str(), &opening.status) != 0) return failed(opening, "open");
  opening.kind = kindOf(opening.status.st_mode);
  if (opening.kind != nullptr) return opening;
  opening.fd = open(path.c_str(), kFlags);
  if (opening.fd < 0) return failed(opening, "open");
  return checked(opening);
}

Opening openBelow(const std::string& root, const std::string& path) {
  Opening opening;
  opening.path = path;
  const int folder = open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return failed(opening, "open");
  // Looked at before it is opened, as by `openPath`.
  const int place = openInRoot(folder, path, O_PATH | O_CLOEXEC);
  if (place < 0 || fstat(place, &opening.status) != 0) {
    opening = failed(opening, "openat2");
  } else {
    opening.kind = kindOf(opening.status.st_mode);
    if (opening.kind == nullptr) opening.fd = openInRoot(folder, path, kFlags);
    if (opening.kind == nullptr && opening.fd < 0) opening = failed(opening, "openat2");
  }
  if (place >= 0) close(place);
  close(folder);
  return opening.fd >= 0 ? checked(opening) : opening;
}

Opening openDescriptor(int duplicate) {
  Opening opening;
  const std::string link = "/proc/self/fd/" + std::to_string(duplicate);
  char target[PATH_MAX];
  const ssize_t length = readlink(link.c_str(), target, sizeof target);
  opening.path = length > 0 ? std::string(target, static_cast<size_t>(length)) : link;
  if (fstat(duplicate, &opening.status) != 0) {
    opening.fd = duplicate;
    return failed(opening, "fstat");
  }
  opening.kind = kindOf(opening.status.st_mode);
  const int flags = fcntl(duplicate, F_GETFL);
  if (opening.kind == nullptr && ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0)) {
    opening.fd = duplicate;
    errno = EBADF;
    return failed(opening, "open");
  }
  if (opening.kind != nullptr) {
    close(duplicate);
    return opening;
  }
  // A duplicate shares its read-ahead settings with the caller's handle, which is not ours to change; opening it anew
  // does not.
  opening.fd = open(link.c_str(), kFlags);
  if (opening.fd < 0) {
    opening.fd = duplicate;
    return opening;
  }
  close(duplicate);
  return checked(opening);
}

Look lookAgain(int fd, const std::string& path) {
  Look look;
  struct stat ours {
  }, theirs{};
  if (fstat(fd, &ours) != 0 || (!path.empty() && stat(path.c_str(), &theirs) != 0)) {
    look.error = errno;
    return look;
  }
  look.size = static_cast<uint64_t>(ours.st_size);
  look.same = path.empty() || (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino);
  return look;
}

}  // namespace nofault
