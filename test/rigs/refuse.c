// refuse CALL=ERRNO ... -- COMMAND WORD ...
// Runs a command for which these system calls fail with these error numbers. Needs no rights, and cannot be undone for
// that process or its children.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#else
#error "a filter of system calls is written for x86-64 and arm64 only"
#endif

// Newer than the headers of some machines; the number is the same everywhere.
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif
#ifndef __NR_process_madvise
#define __NR_process_madvise 440
#endif

static const struct {
  const char* name;
  int number;
} calls[] = {
    {"cachestat", __NR_cachestat}, {"fadvise64", __NR_fadvise64},
    {"madvise", __NR_madvise},     {"mincore", __NR_mincore},
    {"mlock2", __NR_mlock2},       {"move_pages", __NR_move_pages},
    {"preadv2", __NR_preadv2},     {"process_madvise", __NR_process_madvise},
    {"readahead", __NR_readahead},
};
enum { CALLS = sizeof calls / sizeof *calls, MOST = 5 + 2 * 32 };

static struct sock_filter filter[MOST];
static unsigned short length;

static void add(struct sock_filter instruction) {
  if (length == MOST) {
    fprintf(stderr, "refuse: more than 32 calls to refuse\n");
    exit(125);
  }
  filter[length++] = instruction;
}

static int number_of(const char* name, size_t bytes) {
  for (size_t i = 0; i < CALLS; i++)
    if (strlen(calls[i].name) == bytes && strncmp(calls[i].name, name, bytes) == 0) return calls[i].number;
  return -1;
}

static void refuse(const char* rule) {
  const char* equals = strchr(rule, '=');
  int call = equals ? number_of(rule, (size_t)(equals - rule)) : -1;
  char* end = NULL;
  unsigned long error = equals ? strtoul(equals + 1, &end, 10) : 0;
  if (call < 0 || error == 0 || error > 4095 || *end != '\0') {
    fprintf(stderr, "refuse: expected CALL=ERRNO with a number from 1 to 4095, but \"%s\" came. Known calls:", rule);
    for (size_t i = 0; i < CALLS; i++) fprintf(stderr, " %s", calls[i].name);
    fprintf(stderr, "\n");
    exit(125);
  }
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1));
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error));
}

int main(int count, char** words) {
  // Another architecture's calls have other numbers, and none of ours is made through them.
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
  add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0));
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  int at = 1;
  while (at < count && strcmp(words[at], "--") != 0) refuse(words[at++]);
  if (at + 1 >= count) {
    fprintf(stderr, "refuse: expected CALL=ERRNO ... -- COMMAND WORD ..., but no command came\n");
    return 125;
  }
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  struct sock_fprog program = {.len = length, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("refuse: the kernel takes no filter");
    return 125;
  }
  execvp(words[at + 1], words + at + 1);
  fprintf(stderr, "refuse: %s: %s\n", words[at + 1], strerror(errno));
  return 127;
}
