// What is known of file systems by their kind, where the kernel cannot be asked about one file.
#pragma once

namespace nofault {

struct FileSystem {
  const char* name;
  bool local;        // its pages leave memory only through this kernel: no server takes them back
  bool shallow;      // has a small bound on what it reads ahead, and drops the rest
  bool countsPages;  // cachestat counts what is cached of a file; false where its pages belong to another file below
  bool interface =
      false;  // its files are questions to the kernel, made up when they are read: opening some has effects
};

// The file system that an open file lies on. One that is not known is neither local nor counts.
FileSystem fileSystemOf(int fd);
// The same by a path, without opening what is there.
FileSystem fileSystemAt(const char* path);

}  // namespace nofault
