// Loaded before a program (LD_PRELOAD), makes one call that writes fail: the FAULT_AT-th, counted from 1, of write, pwrite, writev,
// fwrite, fflush, fsync, ftruncate, mkdir, open for writing and rename on files below FAULT_BELOW, by FAULT_CODE (an errno). With EINTR the
// call fails once and works when it is made again. The number of such calls is left in the file FAULT_COUNT, if it is named.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static int below(const char *path) {
  const char *place = getenv("FAULT_BELOW");
  return place && path && strncmp(path, place, strlen(place)) == 0;
}

static int below_fd(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return below(path);
}

// Whether this call is the one that fails.
static int due(void) {
  const char *at = getenv("FAULT_AT"), *code = getenv("FAULT_CODE");
  int number = atomic_fetch_add(&calls, 1) + 1;
  if (!at || !code || atoi(at) != number) return 0;
  errno = atoi(code);
  return 1;
}

__attribute__((destructor)) static void report(void) {
  const char *file = getenv("FAULT_COUNT");
  if (!file) return;
  FILE *out = fopen(file, "w");
  if (!out) return;
  fprintf(out, "%d\n", atomic_load(&calls));
  fclose(out);
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t count) {
  REAL(ssize_t, write, int, const void *, size_t);
  if (below_fd(fd) && due()) return -1;
  return real(fd, data, count);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
  if (below_fd(fd) && due()) return -1;
  return real(fd, data, count, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
  REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  if (below_fd(fd) && due()) return -1;
  return real(fd, data, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  if (below_fd(fd) && due()) return -1;
  return real(fd, parts, count);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
  REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
  int fd = fileno(file), code = errno;
  if (fd >= 0 && below_fd(fd) && atoi(getenv("FAULT_CODE") ?: "0") != EINTR && due()) return 0;
  errno = code;
  return real(data, size, count, file);
}

int fsync(int fd) {
  REAL(int, fsync, int);
  if (below_fd(fd) && due()) return -1;
  return real(fd);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  if (below(path) && due()) return -1;
  return real(path, mode);
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  if (below(to) && atoi(getenv("FAULT_CODE") ?: "0") != EINTR && due()) return -1;
  return real(from, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  REAL(int, renameat2, int, const char *, int, const char *, unsigned);
  if (below(to) && atoi(getenv("FAULT_CODE") ?: "0") != EINTR && due()) return -1;
  return real(a, from, b, to, flags);
}

int open(const char *path, int flags, ...) {
  REAL(int, open, const char *, int, ...);
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  if ((flags & O_ACCMODE) != O_RDONLY && below(path) && due()) return -1;
  return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  REAL(int, open64, const char *, int, ...);
  va_list list;
  va_start(list, flags);
  mode_t mode = va_arg(list, mode_t);
  va_end(list);
  if ((flags & O_ACCMODE) != O_RDONLY && below(path) && due()) return -1;
  return real(path, flags, mode);
}

FILE *fopen64(const char *path, const char *mode) {
  REAL(FILE *, fopen64, const char *, const char *);
  if (strpbrk(mode, "wa+") && below(path) && atoi(getenv("FAULT_CODE") ?: "0") != EINTR && due()) return NULL;
  return real(path, mode);
}
