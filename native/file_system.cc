#include "file_system.h"

#include <sys/vfs.h>

#include <cstdint>
#include <map>

namespace nofault {

FileSystem fileSystemOf(int fd) {
  // By the numbers of linux/magic.h. FUSE and what else is not here has a server, or may have.
  static const auto& known = *new std::map<uint32_t, FileSystem>{
      {0xEF53, {"ext4", true, false, true}},          {0x58465342, {"xfs", true, false, true}},
      {0x9123683E, {"btrfs", true, false, true}},     {0xF2F52010, {"f2fs", true, false, true}},
      {0x01021994, {"tmpfs", true, false, true}},     {0x858458F6, {"ramfs", true, false, true}},
      {0x794C7630, {"overlay", true, false, false}},  {0x73717368, {"squashfs", true, false, false}},
      {0xE0F5E1E2, {"erofs", true, false, false}},    {0x9660, {"iso9660", true, false, false}},
      {0x4D44, {"vfat", true, false, false}},         {0x2011BAB0, {"exfat", true, false, false}},
      {0xCA451A4E, {"bcachefs", true, false, false}}, {0x6969, {"nfs", false, false, true}},
      {0x00C36400, {"ceph", false, false, true}},     {0x65735546, {"fuse", false, true, false}},
      {0xFE534D42, {"smb2", false, false, false}},    {0xFF534D42, {"cifs", false, false, false}},
      {0x01021997, {"9p", false, false, false}},      {0x5346414F, {"afs", false, false, false}},
  };
  struct statfs status {};
  if (fstatfs(fd, &status) != 0) return {"unknown", false, false, false};
  const auto found = known.find(static_cast<uint32_t>(status.f_type));
  return found == known.end() ? FileSystem{"unknown", false, false, false} : found->second;
}

}  // namespace nofault
