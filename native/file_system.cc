#include "file_system.h"

#include <sys/vfs.h>

#include <cstdint>
#include <map>

namespace nofault {

namespace {

FileSystem byNumber(uint32_t number) {
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
  static const auto& interfaces = *new std::map<uint32_t, const char*>{
      {0x9FA0, "proc"},        {0x62656572, "sysfs"},       {0x27E0EB, "cgroup"},       {0x63677270, "cgroup2"},
      {0x64626720, "debugfs"}, {0x74726163, "tracefs"},     {0x73636673, "securityfs"}, {0x6165676C, "pstore"},
      {0xCAFE4A11, "bpf"},     {0x62656570, "configfs"},    {0xDE5E81E4, "efivarfs"},   {0x1CD1, "devpts"},
      {0x19800202, "mqueue"},  {0x42494E4D, "binfmt_misc"}, {0x67596969, "rpc_pipefs"}, {0xF97CFF8C, "selinuxfs"},
      {0x43415D53, "smackfs"}, {0x6E736673, "nsfs"},        {0x65735543, "fusectl"},    {0x7655821, "resctrl"},
  };
  if (const auto found = interfaces.find(number); found != interfaces.end())
    return {found->second, false, false, false, true};
  const auto found = known.find(number);
  return found == known.end() ? FileSystem{"unknown", false, false, false} : found->second;
}

}  // namespace

FileSystem fileSystemOf(int fd) {
  struct statfs status {};
  return byNumber(fstatfs(fd, &status) == 0 ? static_cast<uint32_t>(status.f_type) : 0);
}

FileSystem fileSystemAt(const char* path) {
  struct statfs status {};
  return byNumber(statfs(path, &status) == 0 ? static_cast<uint32_t>(status.f_type) : 0);
}

}  // namespace nofault
