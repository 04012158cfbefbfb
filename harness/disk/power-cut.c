/*
 * A power cut, as a process sees it: preloaded, this library remembers what every page of every file below one
 * directory held when the file was last synced, and at a chosen event puts back what was not synced and ends the
 * process. See README.md.
 *
 * Right because nothing below reaches the files another way: whoever is to be tested writes with the calls that are
 * replaced here, and does not write through maps. Names of files are not taken back.
 *
 * Syncs are not passed on: what they promise is kept by the operating system, which lives on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define BUCKETS 4096
/* How long a cut that was asked for waits for a write or sync in which to strike. */
#define PATIENCE_US 50000

/* A page that was written since the last sync, and what it held then. */
struct page {
  off_t number;
  unsigned char synced[PAGE];
  struct page *next_in_bucket;
  struct page *next;
};

struct file {
  dev_t device;
  ino_t inode;
  char name[PATH_MAX];
  /* Of our own, for reading and writing; never closed: closing it would release locks of the process. */
  int descriptor;
  int is_dirty;
  off_t synced_size;
  struct page *pages;
  struct page *buckets[BUCKETS];
  struct file *next;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
static char directory[PATH_MAX];
static size_t directory_length;
static unsigned long cut_at;
static unsigned long events;
static int log_descriptor = -1;
static int keeps_some;
static uint64_t random_state;
static volatile sig_atomic_t is_requested;
static volatile sig_atomic_t is_cut;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);

static sem_t requests;

static void cut(void);

static void request(int signal) {
  (void)signal;
  is_requested = 1;
  sem_post(&requests);
}

/* Cuts where a process is asked for it that does not write. */
static void *watch_requests(void *unused) {
  (void)unused;
  while (sem_wait(&requests) != 0) continue;
  usleep(PATIENCE_US);
  pthread_mutex_lock(&mutex);
  cut();
  return NULL;
}

__attribute__((constructor)) static void begin(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
  const char *where = getenv("POWER_CUT_DIRECTORY");
  if (where == NULL || realpath(where, directory) == NULL) return;
  directory_length = strlen(directory);
  const char *at = getenv("POWER_CUT_AT");
  if (at != NULL) cut_at = strtoul(at, NULL, 10);
  const char *seed = getenv("POWER_CUT_SEED");
  keeps_some = seed != NULL;
  random_state = seed == NULL ? 1 : strtoul(seed, NULL, 10) * 2654435761u + 1;
  const char *log = getenv("POWER_CUT_LOG");
  if (log != NULL) log_descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pthread_t watcher;
  sem_init(&requests, 0, 0);
  if (pthread_create(&watcher, NULL, watch_requests, NULL) == 0) pthread_detach(watcher);
  struct sigaction action = {.sa_handler = request};
  sigaction(SIGUSR2, &action, NULL);
}

/* The file behind a descriptor, if it is a regular one below the directory; else NULL. */
static struct file *file_of(int descriptor) {
  if (directory_length == 0) return NULL;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return NULL;
  for (struct file *file = files; file != NULL; file = file->next) {
    if (file->inode == status.st_ino && file->device == status.st_dev) return file;
  }
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  if (strncmp(path, directory, directory_length) != 0 || path[directory_length] != '/') return NULL;
  struct file *file = calloc(1, sizeof *file);
  file->descriptor = open(link, O_RDWR | O_CLOEXEC);
  if (file->descriptor < 0) {
    free(file);
    return NULL;
  }
  file->inode = status.st_ino;
  file->device = status.st_dev;
  strcpy(file->name, path + directory_length + 1);
  file->next = files;
  files = file;
  return file;
}

static off_t size_of(struct file *file) {
  struct stat status;
  return fstat(file->descriptor, &status) == 0 ? status.st_size : 0;
}

static struct page *page_at(struct file *file, off_t number) {
  struct page *page = file->buckets[number % BUCKETS];
  while (page != NULL && page->number != number) page = page->next_in_bucket;
  return page;
}

/* Remembers what is synced in a range that is about to change. */
static void remember(struct file *file, off_t from, off_t to) {
  if (!file->is_dirty) {
    file->is_dirty = 1;
    file->synced_size = size_of(file);
  }
  for (off_t number = from / PAGE; number * PAGE < to; number++) {
    if (page_at(file, number) != NULL) continue;
    struct page *page = calloc(1, sizeof *page);
    page->number = number;
    for (size_t at = 0; at < PAGE;) {
      ssize_t got = pread(file->descriptor, page->synced + at, PAGE - at, number * PAGE + (off_t)at);
      if (got <= 0) break;
      at += (size_t)got;
    }
    page->next_in_bucket = file->buckets[number % BUCKETS];
    file->buckets[number % BUCKETS] = page;
    page->next = file->pages;
    file->pages = page;
  }
}

/* All that was written to the file is durable. */
static void forget(struct file *file) {
  for (struct page *page = file->pages; page != NULL;) {
    struct page *next = page->next;
    free(page);
    page = next;
  }
  file->pages = NULL;
  memset(file->buckets, 0, sizeof file->buckets);
  file->is_dirty = 0;
}

/* What was just written through a descriptor that syncs by itself is durable, and nothing else. */
static void settle(struct file *file, off_t from, off_t to) {
  for (off_t number = from / PAGE; number * PAGE < to; number++) {
    struct page *page = page_at(file, number);
    if (page == NULL) continue;
    off_t first = number * PAGE < from ? from : number * PAGE;
    off_t end = (number + 1) * PAGE > to ? to : (number + 1) * PAGE;
    if (pread(file->descriptor, page->synced + (first - number * PAGE), (size_t)(end - first), first) < 0) continue;
  }
  if (file->synced_size < to) file->synced_size = to;
}

static uint64_t draw(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static void lose(struct file *file) {
  off_t size = file->synced_size;
  off_t written_size = size_of(file);
  for (struct page *page = file->pages; page != NULL; page = page->next) {
    off_t from = page->number * PAGE;
    if (keeps_some && draw() % 2 == 0) {
      off_t end = from + PAGE < written_size ? from + PAGE : written_size;
      if (end > size) size = end;
      continue;
    }
    real_pwrite(file->descriptor, page->synced, PAGE, from);
  }
  real_ftruncate(file->descriptor, size);
}

/* A thread that reads a mapped file while its content goes would end the process before the cut is whole. */
static void stand_still(int signal) {
  (void)signal;
  for (;;) pause();
}

static void cut(void) {
  is_cut = 1;
  struct sigaction action = {.sa_handler = stand_still};
  const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGTRAP, SIGFPE};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &action, NULL);
  for (struct file *file = files; file != NULL; file = file->next) {
    if (file->is_dirty) lose(file);
  }
  _exit(137);
}

/* Counts an event; the power goes at its turn. The mutex is held, so nobody else writes meanwhile. */
static void happened(const char *what, struct file *file, off_t from, off_t to) {
  events++;
  if (log_descriptor >= 0) {
    char line[PATH_MAX + 100];
    int length = snprintf(line, sizeof line, "%lu %s %s %lld %lld\n", events, what, file->name, (long long)from,
                          (long long)(to - from));
    real_write(log_descriptor, line, (size_t)length);
  }
  if (events == cut_at || is_requested) cut();
}

static int syncs_itself(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return (flags & O_DSYNC) != 0 || (flags & O_SYNC) == O_SYNC;
}

static off_t bytes_of(const struct iovec *parts, int count) {
  off_t bytes = 0;
  for (int i = 0; i < count; i++) bytes += (off_t)parts[i].iov_len;
  return bytes;
}

/* `offset` -1: where the descriptor stands. */
static ssize_t write_parts(int descriptor, const struct iovec *parts, int count, off_t offset) {
  if (is_cut) pause();
  pthread_mutex_lock(&mutex);
  struct file *file = file_of(descriptor);
  if (file == NULL) {
    pthread_mutex_unlock(&mutex);
    return offset < 0 ? real_writev(descriptor, parts, count) : real_pwritev(descriptor, parts, count, offset);
  }
  off_t from = offset;
  if (offset < 0) {
    int appends = (fcntl(descriptor, F_GETFL) & O_APPEND) != 0;
    from = appends ? size_of(file) : lseek(descriptor, 0, SEEK_CUR);
  }
  remember(file, from, from + bytes_of(parts, count));
  ssize_t written =
      offset < 0 ? real_writev(descriptor, parts, count) : real_pwritev(descriptor, parts, count, offset);
  int error = errno;
  if (written > 0) {
    happened(syncs_itself(descriptor) ? "write-through" : "write", file, from, from + written);
    if (syncs_itself(descriptor)) settle(file, from, from + written);
  }
  pthread_mutex_unlock(&mutex);
  errno = error;
  return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  return write_parts(descriptor, &part, 1, -1);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
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

static int sync_file(int descriptor, int (*real)(int)) {
  if (is_cut) pause();
  pthread_mutex_lock(&mutex);
  struct file *file = file_of(descriptor);
  if (file != NULL) {
    happened("sync", file, 0, 0);
    forget(file);
  }
  pthread_mutex_unlock(&mutex);
  return file == NULL ? real(descriptor) : 0;
}

int fsync(int descriptor) {
  return sync_file(descriptor, real_fsync);
}

int fdatasync(int descriptor) {
  return sync_file(descriptor, real_fdatasync);
}

int ftruncate64(int descriptor, off64_t length) {
  if (is_cut) pause();
  pthread_mutex_lock(&mutex);
  struct file *file = file_of(descriptor);
  if (file != NULL) {
    off_t size = size_of(file);
    remember(file, length, length < size ? size : length);
  }
  int result = real_ftruncate(descriptor, length);
  int error = errno;
  if (file != NULL && result == 0) happened("truncate", file, length, length);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int ftruncate(int descriptor, off_t length) {
  return ftruncate64(descriptor, length);
}

int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  if (is_cut) pause();
  pthread_mutex_lock(&mutex);
  struct file *file = file_of(descriptor);
  if (file != NULL) remember(file, offset, mode == 0 ? offset : offset + length);
  int result = real_fallocate(descriptor, mode, offset, length);
  int error = errno;
  if (file != NULL && result == 0) happened("allocate", file, offset, offset + length);
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate64(descriptor, mode, offset, length);
}
