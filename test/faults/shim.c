// Stands between a process and the C library (LD_PRELOAD) and looks at each call that changes something below a directory:
// counts it, writes it down, or lets it end otherwise. test/support/shim.ts compiles it and sets the variables:
//   FAULT_ROOT    the directory, absolute; lock.mdb files are left alone: nothing in them outlives a process
//   FAULT_STATE   a file of 4096 zero bytes, shared by all processes of a run: a lock, and how many calls matched
//   FAULT_TRACE   file to which a line `call path` is added for each call
//   FAULT_RECORD  file to which each call is added with its bytes; test/support/power-loss.ts reads it
//   FAULT_CALL    which calls can fail: one name, or *
//   FAULT_GLOB    which paths below the root, as fnmatch() takes them
//   FAULT_AT      the how-manieth matching call fails
//   FAULT_DO      kill (the process group, before the call), eio, enospc, emfile, eacces, short (half a write), hang
//   FAULT_STICKY  all later matching calls fail as well
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct state {
  volatile int lock;
  volatile uint64_t matched;
};

static struct state *state;
static const char *root, *want_call, *want_glob, *what;
static size_t root_length;
static uint64_t at;
static int sticky, trace_fd = -1, record_fd = -1;

// libuv reaches some calls through syscall() itself, which therefore is one of those that are looked at.
#define real_syscall(...) (syscall_of_libc())(__VA_ARGS__)
static long (*syscall_of_libc(void))(long, ...) {
  static long (*found)(long, ...);
  if (found == NULL) found = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return found;
}

static int open_log(const char *name) {
  const char *path = getenv(name);
  return path == NULL ? -1 : (int)real_syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("FAULT_STATE");
  root = getenv("FAULT_ROOT");
  if (root == NULL || path == NULL) return;
  root_length = strlen(root);
  want_call = getenv("FAULT_CALL");
  want_glob = getenv("FAULT_GLOB");
  what = getenv("FAULT_DO");
  at = getenv("FAULT_AT") == NULL ? 0 : strtoull(getenv("FAULT_AT"), NULL, 10);
  sticky = getenv("FAULT_STICKY") != NULL;
  trace_fd = open_log("FAULT_TRACE");
  record_fd = open_log("FAULT_RECORD");
  int fd = (int)real_syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  real_syscall(SYS_close, fd);
  if (map != MAP_FAILED) state = map;
}

static void lock(void) {
  while (__atomic_exchange_n(&state->lock, 1, __ATOMIC_ACQUIRE)) sched_yield();
}

static void unlock(void) { __atomic_store_n(&state->lock, 0, __ATOMIC_RELEASE); }

// The path below the root, or NULL when it is somewhere else.
static const char *below(const char *path) {
  if (state == NULL || path == NULL || strncmp(path, root, root_length) != 0) return NULL;
  const char *rest = path + root_length;
  if (*rest == 0) return rest;
  if (*rest != '/') return NULL;
  const char *name = strrchr(rest, '/') + 1;
  return strcmp(name, "lock.mdb") == 0 ? NULL : rest + 1;
}

static const char *below_of_fd(int fd, char *buffer) {
  char link[64];
  if (state == NULL || fd <= 2) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = real_syscall(SYS_readlink, link, buffer, PATH_MAX - 1);
  if (length <= 0) return NULL;
  buffer[length] = 0;
  if (strstr(buffer, " (deleted)") != NULL) return NULL;
  return below(buffer);
}

enum fault { NONE, FAIL, HALF };

// Counts a call; kills, waits for ever, or says that the call shall fail.
static enum fault meet(const char *call, const char *path) {
  int saved = errno;
  if (trace_fd >= 0) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    real_syscall(SYS_write, trace_fd, line, length);
  }
  errno = saved;
  if (what == NULL || at == 0) return NONE;
  if (want_call != NULL && strcmp(want_call, "*") != 0 && strcmp(want_call, call) != 0) return NONE;
  if (want_glob != NULL && fnmatch(want_glob, path, 0) != 0) return NONE;
  uint64_t hit = __atomic_add_fetch(&state->matched, 1, __ATOMIC_SEQ_CST);
  if (hit != at && !(sticky && hit > at)) return NONE;
  if (strcmp(what, "kill") == 0) {
    // No call is between being made and being recorded.
    if (record_fd >= 0) lock();
    kill(0, SIGKILL);
    for (;;) pause();
  }
  if (strcmp(what, "hang") == 0) for (;;) pause();
  if (strcmp(what, "short") == 0) return strstr(call, "write") != NULL ? HALF : NONE;
  errno = strcmp(what, "eio") == 0 ? EIO : strcmp(what, "emfile") == 0 ? EMFILE : strcmp(what, "eacces") == 0 ? EACCES : ENOSPC;
  return FAIL;
}

// A record: u8 kind, u8 flags (1: durable at once), u16 0, u32 path bytes, u32 second path bytes, u64 offset, u64 bytes; then these.
static void record(char kind, int flags, const char *path, const char *second, uint64_t offset, const void *bytes, uint64_t length) {
  int saved = errno;
  uint8_t head[28] = {(uint8_t)kind, (uint8_t)flags};
  uint32_t first_length = strlen(path), second_length = second == NULL ? 0 : strlen(second);
  memcpy(head + 4, &first_length, 4);
  memcpy(head + 8, &second_length, 4);
  memcpy(head + 12, &offset, 8);
  memcpy(head + 20, &length, 8);
  struct iovec parts[4] = {
      {head, sizeof head}, {(void *)path, first_length}, {(void *)second, second_length}, {(void *)bytes, bytes == NULL ? 0 : length}};
  real_syscall(SYS_writev, record_fd, parts, 4);
  errno = saved;
}

// What a write has left in the file is read back: the same for all calls that write.
static void record_range(int fd, const char *path, uint64_t offset, ssize_t length) {
  if (length <= 0) return;
  int durable = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  char *bytes = malloc(length);
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int reader = (int)real_syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
  ssize_t got = reader < 0 ? -1 : real_syscall(SYS_pread64, reader, bytes, length, offset);
  if (reader >= 0) real_syscall(SYS_close, reader);
  if (got == length) record('w', durable, path, NULL, offset, bytes, length);
  free(bytes);
}

static uint64_t position(int fd) {
  if (fcntl(fd, F_GETFL) & O_APPEND) {
    struct stat stats;
    return fstat(fd, &stats) == 0 ? stats.st_size : 0;
  }
  return lseek(fd, 0, SEEK_CUR);
}

#define WRITES(name, full, half, offset)                     \
  char buffer[PATH_MAX];                                     \
  const char *path = below_of_fd(fd, buffer);                \
  if (path == NULL) return full;                             \
  enum fault fault = meet(name, path);                       \
  if (fault == FAIL) return -1;                              \
  if (record_fd < 0) return fault == HALF ? half : full;     \
  lock();                                                    \
  uint64_t from = (uint64_t)(offset);                        \
  ssize_t done = full;                                       \
  record_range(fd, path, from, done);                        \
  unlock();                                                  \
  return done

ssize_t write(int fd, const void *bytes, size_t count) {
  WRITES("write", real_syscall(SYS_write, fd, bytes, count), real_syscall(SYS_write, fd, bytes, (count + 1) / 2), position(fd));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  WRITES("pwrite", real_syscall(SYS_pwrite64, fd, bytes, count, offset), real_syscall(SYS_pwrite64, fd, bytes, (count + 1) / 2, offset), offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITES("writev", real_syscall(SYS_writev, fd, parts, count), real_syscall(SYS_writev, fd, parts, (count + 1) / 2), position(fd));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  WRITES("pwritev", real_syscall(SYS_pwritev, fd, parts, count, offset, 0), real_syscall(SYS_pwritev, fd, parts, (count + 1) / 2, offset, 0), offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev64(fd, parts, count, offset); }
ssize_t sendfile64(int fd, int in, off64_t *offset, size_t count) {
  WRITES("sendfile-write", real_syscall(SYS_sendfile, fd, in, offset, count), real_syscall(SYS_sendfile, fd, in, offset, (count + 1) / 2), position(fd));
}
ssize_t sendfile(int fd, int in, off_t *offset, size_t count) { return sendfile64(fd, in, (off64_t *)offset, count); }
ssize_t copy_file_range(int in, off64_t *in_offset, int fd, off64_t *offset, size_t count, unsigned int flags) {
  WRITES("copy-write", real_syscall(SYS_copy_file_range, in, in_offset, fd, offset, count, flags),
         real_syscall(SYS_copy_file_range, in, in_offset, fd, offset, (count + 1) / 2, flags), offset == NULL ? position(fd) : (uint64_t)*offset);
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long);
  long e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if (number == SYS_copy_file_range) return copy_file_range((int)a, (off64_t *)b, (int)c, (off64_t *)d, e, f);
  return real_syscall(number, a, b, c, d, e, f);
}

#define CHANGES(name, path, kind, second, offset, call) \
  if (meet(name, path) == FAIL) return -1;              \
  if (record_fd < 0) return call;                       \
  lock();                                               \
  int done = call;                                      \
  if (done == 0) record(kind, 0, path, second, offset, NULL, 0); \
  unlock();                                             \
  return done

static int sync_fd(const char *name, int fd, long number) {
  char buffer[PATH_MAX];
  const char *path = below_of_fd(fd, buffer);
  if (path == NULL) return real_syscall(number, fd);
  CHANGES(name, path, 's', NULL, 0, (int)real_syscall(number, fd));
}
int fsync(int fd) { return sync_fd("fsync", fd, SYS_fsync); }
int fdatasync(int fd) { return sync_fd("fdatasync", fd, SYS_fdatasync); }

int ftruncate64(int fd, off64_t length) {
  char buffer[PATH_MAX];
  const char *path = below_of_fd(fd, buffer);
  if (path == NULL) return real_syscall(SYS_ftruncate, fd, length);
  CHANGES("ftruncate", path, 't', NULL, length, (int)real_syscall(SYS_ftruncate, fd, length));
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int open_at(int dir, const char *name, int flags, mode_t mode) {
  const char *path = name[0] == '/' ? below(name) : NULL;
  if (path == NULL || (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) == 0) return real_syscall(SYS_openat, dir, name, flags, mode);
  if (meet("open", path) == FAIL) return -1;
  if (record_fd < 0) return real_syscall(SYS_openat, dir, name, flags, mode);
  lock();
  int is_new = real_syscall(SYS_faccessat, AT_FDCWD, name, F_OK) != 0;
  int fd = real_syscall(SYS_openat, dir, name, flags, mode);
  if (fd >= 0 && is_new) record('c', 0, path, NULL, 0, NULL, 0);
  else if (fd >= 0 && (flags & O_TRUNC)) record('t', 0, path, NULL, 0, NULL, 0);
  unlock();
  return fd;
}

#define MODE(flags, mode)                              \
  mode_t mode = 0;                                     \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {             \
    va_list list;                                      \
    va_start(list, flags);                             \
    mode = va_arg(list, mode_t);                       \
    va_end(list);                                      \
  }
int open(const char *name, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags, mode) return open_at(AT_FDCWD, name, flags, mode); }
int openat(int dir, const char *name, int flags, ...) { MODE(flags, mode) return open_at(dir, name, flags, mode); }
int openat64(int dir, const char *name, int flags, ...) { MODE(flags, mode) return open_at(dir, name, flags, mode); }

int rename(const char *from, const char *to) {
  const char *path = below(from), *second = below(to);
  if (path == NULL || second == NULL) return real_syscall(SYS_rename, from, to);
  CHANGES("rename", second, 'r', path, 0, (int)real_syscall(SYS_rename, from, to));
}
int link(const char *from, const char *to) {
  const char *path = below(from), *second = below(to);
  if (path == NULL || second == NULL) return real_syscall(SYS_link, from, to);
  CHANGES("link", second, 'l', path, 0, (int)real_syscall(SYS_link, from, to));
}
int unlink(const char *name) {
  const char *path = below(name);
  if (path == NULL) return real_syscall(SYS_unlink, name);
  CHANGES("unlink", path, 'u', NULL, 0, (int)real_syscall(SYS_unlink, name));
}
int rmdir(const char *name) {
  const char *path = below(name);
  if (path == NULL) return real_syscall(SYS_rmdir, name);
  CHANGES("rmdir", path, 'd', NULL, 0, (int)real_syscall(SYS_rmdir, name));
}
int mkdir(const char *name, mode_t mode) {
  const char *path = below(name);
  if (path == NULL) return real_syscall(SYS_mkdir, name, mode);
  CHANGES("mkdir", path, 'm', NULL, 0, (int)real_syscall(SYS_mkdir, name, mode));
}
