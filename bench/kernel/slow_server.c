#include "slow_server.h"

#include <linux/fuse.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { THREADS = 64, FILE_NODE = 2, READ_AHEAD = 128 * KIB };

struct serving {
  int device;
  size_t bytes;
  struct slow_control* control;
};

static void answer(const struct serving* s, uint64_t unique, int error, const void* body, size_t length) {
  struct fuse_out_header header = {.len = sizeof header + length, .error = -error, .unique = unique};
  struct iovec parts[2] = {{&header, sizeof header}, {(void*)body, length}};
  (void)!writev(s->device, parts, length ? 2 : 1);  // fails where the reader has been interrupted
}

static struct fuse_attr attributes(const struct serving* s, uint64_t node) {
  if (node == FUSE_ROOT_ID) return (struct fuse_attr){.ino = node, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = PAGE};
  return (struct fuse_attr){
      .ino = node, .size = s->bytes, .blocks = s->bytes / 512, .mode = S_IFREG | 0644, .nlink = 1, .blksize = PAGE};
}

static void serve_read(const struct serving* s, uint64_t unique, const struct fuse_read_in* in) {
  s->control->reads++;
  s->control->pages += in->size / PAGE;
  sleep_us(s->control->delay_us);
  long bad = s->control->bad_page;
  if (bad >= 0 && in->offset < (bad + 1ul) * PAGE && in->offset + in->size > bad * 1ul * PAGE)
    return answer(s, unique, EIO, NULL, 0);
  size_t length = in->offset + in->size > s->bytes ? s->bytes - in->offset : in->size;
  uint64_t* block = calloc(1, length);
  for (size_t at = 0; at < length; at += PAGE) block[at / 8] = (in->offset + at) / PAGE;
  answer(s, unique, 0, block, length);
  free(block);
}

static void serve(const struct serving* s, const struct fuse_in_header* header, const void* body) {
  const uint64_t unique = header->unique;
  if (header->opcode == FUSE_INIT) {
    const struct fuse_init_in* in = body;
    struct fuse_init_out out = {
        .major = 7, .minor = 31, .max_readahead = READ_AHEAD, .max_write = READ_AHEAD, .time_gran = 1};
    out.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES);
    // max_background stays 0: the kernel's own default of 12.
    answer(s, unique, 0, &out, sizeof out);
  } else if (header->opcode == FUSE_LOOKUP) {
    struct fuse_entry_out out = {
        .nodeid = FILE_NODE, .entry_valid = 3600, .attr_valid = 3600, .attr = attributes(s, FILE_NODE)};
    answer(s, unique, strcmp(body, "file") == 0 ? 0 : ENOENT, &out, strcmp(body, "file") == 0 ? sizeof out : 0);
  } else if (header->opcode == FUSE_GETATTR) {
    struct fuse_attr_out out = {.attr_valid = 3600, .attr = attributes(s, header->nodeid)};
    answer(s, unique, 0, &out, sizeof out);
  } else if (header->opcode == FUSE_OPEN || header->opcode == FUSE_OPENDIR) {
    struct fuse_open_out out = {.open_flags = FOPEN_KEEP_CACHE};
    answer(s, unique, 0, &out, sizeof out);
  } else if (header->opcode == FUSE_READ) {
    serve_read(s, unique, body);
  } else if (header->opcode == FUSE_RELEASE || header->opcode == FUSE_RELEASEDIR || header->opcode == FUSE_FLUSH) {
    answer(s, unique, 0, NULL, 0);
  } else if (header->opcode != FUSE_FORGET && header->opcode != FUSE_BATCH_FORGET && header->opcode != FUSE_INTERRUPT) {
    answer(s, unique, ENOSYS, NULL, 0);
  }
}

static void* serve_all(void* serving) {
  const struct serving* s = serving;
  static const size_t most = READ_AHEAD + PAGE;
  char* message = malloc(most);
  for (;;) {
    ssize_t length = read(s->device, message, most);
    if (length > 0) serve(s, (void*)message, message + sizeof(struct fuse_in_header));
    if (length < 0 && errno == ENODEV) return NULL;  // unmounted
  }
}

bool start_slow_server(struct slow_server* server, size_t bytes) {
  snprintf(server->folder, sizeof server->folder, "%s/nofault-kernel-%d-slow", scratch_folder, getpid());
  if (mkdir(server->folder, 0700) != 0) return false;
  server->control = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  server->control->bad_page = -1;
  int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  char options[128];
  snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=%d,group_id=%d", device, getuid(), getgid());
  if (device < 0 ||
      mount("nofault-kernel", server->folder, "fuse.nofault-kernel", MS_RDONLY | MS_NOSUID | MS_NODEV, options) != 0) {
    rmdir(server->folder);
    return false;
  }
  server->process = fork();
  if (server->process == 0) {
    // However the measuring process ends, the server hears of it and takes the mount away.
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT), sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct serving serving = {device, bytes, server->control};
    pthread_t thread;
    for (int t = 0; t < THREADS; t++) pthread_create(&thread, NULL, serve_all, &serving);
    int signal;
    sigwait(&ends, &signal);
    umount2(server->folder, MNT_DETACH);
    rmdir(server->folder);
    _exit(0);
  }
  close(device);
  return true;
}

void stop_slow_server(struct slow_server* server) {
  kill(server->process, SIGTERM);
  waitpid(server->process, NULL, 0);
  munmap(server->control, PAGE);
}
