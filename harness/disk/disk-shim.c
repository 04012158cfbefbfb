/*
 * A bad disk, as a process sees it: preloaded, this library delays or fails the calls that reach the files below one
 * directory, by rules in a small file that is mapped and may change at any time. See disk-control.ts, which writes it.
 *
 * Reads through maps are not seen. A write through a descriptor that syncs by itself is a write and a sync; where only
 * its sync is to fail, it is written first, as by a disk that loses what it has taken.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { READ = 1, WRITE = 2, GROW = 4, SYNC = 8 };

#define RULES 15
#define HANGS UINT32_MAX
/* A wait ends so soon after its rule was switched off. */
#define SLICE_US 2000

struct rule {
  /* 0: off; else a number that no other use of this place had. */
  uint32_t active;
  uint32_t operations;
  uint32_t error;
  uint32_t delay_us;
  uint32_t jitter_us;
  /* Strikes from this fitting call on, from 1. */
  uint32_t from;
  /* Strikes so many times; 0: for ever. */
  uint32_t times;
  uint32_t unused;
  /* Counted here: calls that fitted, calls that it struck. */
  uint64_t fitted;
  uint64_t struck;
  /* Of the file's path below the directory, how it begins. */
  char path[208];
};

struct control {
  uint32_t active_rules;
  uint32_t unused[63];
  struct rule rules[RULES];
};

_Static_assert(sizeof(struct rule) == 256, "as disk-control.ts writes it");
_Static_assert(sizeof(struct control) == 4096, "as disk-control.ts writes it");

static struct control *control;
static char directory[PATH_MAX];
static size_t directory_length;
static uint64_t random_state = 88172645463325252u;

static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_readv)(int, const struct iovec *, int);
static ssize_t (*real_preadv)(int, const struct iovec *, int, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);

/* Other libraries may call before `begin`. */
static void find_real(void) {
  if (real_fallocate != NULL) return;
  real_read = dlsym(RTLD_NEXT, "read");
  real_pread = dlsym(RTLD_NEXT, "pread64");
  real_readv = dlsym(RTLD_NEXT, "readv");
  real_preadv = dlsym(RTLD_NEXT, "preadv64");
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
}

__attribute__((constructor)) static void begin(void) {
  find_real();
  const char *where = getenv("DISK_SHIM_DIRECTORY");
  const char *file = getenv("DISK_SHIM_CONTROL");
  if (where == NULL || file == NULL || strlen(where) >= sizeof directory) return;
  int descriptor = open(file, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return;
  void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (mapped == MAP_FAILED) return;
  strcpy(directory, where);
  directory_length = strlen(directory);
  control = mapped;
}

static int is_quiet(void) {
  find_real();
  return control == NULL || __atomic_load_n(&control->active_rules, __ATOMIC_ACQUIRE) == 0;
}

/* Whether the descriptor is that of a file or folder below the directory, and its path there. */
static int path_of(int descriptor, char path[PATH_MAX]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < (ssize_t)directory_length) return 0;
  path[length] = 0;
  if (strncmp(path, directory, directory_length) != 0) return 0;
  if (path[directory_length] != '/' && path[directory_length] != 0) return 0;
  size_t skip = directory_length + (path[directory_length] == '/');
  memmove(path, path + skip, strlen(path) - skip + 1);
  return 1;
}

static uint64_t draw(void) {
  uint64_t state = __atomic_load_n(&random_state, __ATOMIC_RELAXED);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  __atomic_store_n(&random_state, state, __ATOMIC_RELAXED);
  return state;
}

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void wait_for(struct rule *rule, uint32_t active) {
  uint64_t delay_us = rule->delay_us;
  if (rule->jitter_us > 0) {
    uint64_t shifted = delay_us + draw() % (2 * (uint64_t)rule->jitter_us + 1);
    delay_us = shifted > rule->jitter_us ? shifted - rule->jitter_us : 0;
  }
  uint64_t end = now_us() + delay_us;
  while (__atomic_load_n(&rule->active, __ATOMIC_ACQUIRE) == active) {
    uint64_t now = now_us();
    if (now >= end && rule->delay_us != HANGS) return;
    uint64_t left_us = rule->delay_us == HANGS || end - now > SLICE_US ? SLICE_US : end - now;
    struct timespec slice = {.tv_sec = 0, .tv_nsec = (long)left_us * 1000};
    nanosleep(&slice, NULL);
  }
}

struct verdict {
  int error;
  /* The error is that of the sync which follows the write. */
  int writes_first;
};

/* Waits as the rules say. */
static struct verdict judge(int descriptor, uint32_t operations) {
  struct verdict verdict = {0, 0};
  char path[PATH_MAX];
  if (!path_of(descriptor, path)) return verdict;
  for (int i = 0; i < RULES; i++) {
    struct rule *rule = &control->rules[i];
    uint32_t active = __atomic_load_n(&rule->active, __ATOMIC_ACQUIRE);
    uint32_t fits = rule->operations & operations;
    if (active == 0 || fits == 0 || strncmp(path, rule->path, strlen(rule->path)) != 0) continue;
    uint64_t number = __atomic_add_fetch(&rule->fitted, 1, __ATOMIC_RELAXED);
    if (number < rule->from || (rule->times > 0 && number >= (uint64_t)rule->from + rule->times)) continue;
    __atomic_add_fetch(&rule->struck, 1, __ATOMIC_RELAXED);
    if (rule->delay_us > 0) wait_for(rule, active);
    if (rule->error != 0 && verdict.error == 0) {
      verdict.error = (int)rule->error;
      verdict.writes_first = fits == SYNC && (operations & WRITE) != 0;
    }
  }
  return verdict;
}

static int fail(int error) {
  errno = error;
  return -1;
}

static ssize_t read_parts(int descriptor, const struct iovec *parts, int count, off_t offset) {
  if (!is_quiet()) {
    struct verdict verdict = judge(descriptor, READ);
    if (verdict.error != 0) return fail(verdict.error);
  }
  return offset < 0 ? real_readv(descriptor, parts, count) : real_preadv(descriptor, parts, count, offset);
}

/* `offset` -1: where the descriptor stands. */
static uint32_t kinds_of_write(int descriptor, const struct iovec *parts, int count, off_t offset) {
  struct stat status;
  int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  off_t end = offset;
  if (offset < 0) end = (flags & O_APPEND) != 0 ? status.st_size : lseek(descriptor, 0, SEEK_CUR);
  for (int i = 0; i < count; i++) end += (off_t)parts[i].iov_len;
  return WRITE | (end > status.st_size ? GROW : 0u) | ((flags & O_DSYNC) != 0 ? SYNC : 0u);
}

static ssize_t write_parts(int descriptor, const struct iovec *parts, int count, off_t offset) {
  struct verdict verdict = {0, 0};
  if (!is_quiet()) {
    uint32_t kinds = kinds_of_write(descriptor, parts, count, offset);
    if (kinds != 0) verdict = judge(descriptor, kinds);
    if (verdict.error != 0 && !verdict.writes_first) return fail(verdict.error);
  }
  ssize_t written =
      offset < 0 ? real_writev(descriptor, parts, count) : real_pwritev(descriptor, parts, count, offset);
  return verdict.error != 0 ? fail(verdict.error) : written;
}

ssize_t read(int descriptor, void *bytes, size_t length) {
  if (is_quiet()) return real_read(descriptor, bytes, length);
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  return read_parts(descriptor, &part, 1, -1);
}

ssize_t pread64(int descriptor, void *bytes, size_t length, off64_t offset) {
  if (is_quiet()) return real_pread(descriptor, bytes, length, offset);
  struct iovec part = {.iov_base = bytes, .iov_len = length};
  return read_parts(descriptor, &part, 1, offset);
}

ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset) {
  return pread64(descriptor, bytes, length, offset);
}

ssize_t readv(int descriptor, const struct iovec *parts, int count) {
  return read_parts(descriptor, parts, count, -1);
}

ssize_t preadv64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  return read_parts(descriptor, parts, count, offset);
}

ssize_t preadv(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return read_parts(descriptor, parts, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  if (is_quiet()) return real_write(descriptor, bytes, length);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  return write_parts(descriptor, &part, 1, -1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  if (is_quiet()) return real_pwrite(descriptor, bytes, length, offset);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  return write_parts(descriptor, &part, 1, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite64(descriptor, bytes, length, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  return write_parts(descriptor, parts, count, -1);
}

ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(descriptor, parts, count, offset);
}

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return write_parts(descriptor, parts, count, offset);
}

int fsync(int descriptor) {
  int error = is_quiet() ? 0 : judge(descriptor, SYNC).error;
  return error != 0 ? fail(error) : real_fsync(descriptor);
}

int fdatasync(int descriptor) {
  int error = is_quiet() ? 0 : judge(descriptor, SYNC).error;
  return error != 0 ? fail(error) : real_fdatasync(descriptor);
}

int ftruncate64(int descriptor, off64_t length) {
  struct stat status;
  if (!is_quiet() && fstat(descriptor, &status) == 0) {
    int error = judge(descriptor, length > status.st_size ? WRITE | GROW : WRITE).error;
    if (error != 0) return fail(error);
  }
  return real_ftruncate(descriptor, length);
}

int ftruncate(int descriptor, off_t length) {
  return ftruncate64(descriptor, length);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  int error = is_quiet() ? 0 : judge(descriptor, WRITE | GROW).error;
  return error != 0 ? fail(error) : real_fallocate(descriptor, mode, offset, length);
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate64(descriptor, mode, offset, length);
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
  return fallocate64(descriptor, 0, offset, length) == 0 ? 0 : errno;
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
  return posix_fallocate64(descriptor, offset, length);
}
