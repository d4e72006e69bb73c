/* A disk that is slow, full or failing, for one process: preloaded before libc, it stands between the program and the calls that make
 * files durable. What it does is read, at every call, from a control file that a test maps and changes while the process runs.
 *
 * Faults touch only files below the control file's directory (and, when `only` is not empty, whose path contains it). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#define RWF_SYNC 4
#endif
#define PATH_BYTES 1024
#define FAKES_MAX 16

enum kind { SYNC, WRITE, ALLOCATE, KINDS };

/* tests/cluster/shim/disk_fault.py has the same layout. All numbers are aligned: each is read and written whole. */
struct fault {
    int32_t delay_ms;
    int32_t error;       /* errno, 0: none */
    int32_t per_million; /* of the calls, drawn for delay and error alike */
    int32_t unused;
    int64_t left;        /* calls that still fail; -1: no end */
    int64_t seen;        /* calls on files of the directory while anything was armed */
    int64_t hit;
};
struct control {
    uint64_t magic;
    int32_t armed;
    int32_t refuse_aio;  /* io_setup fails: the node syncs in its thread */
    int64_t tear_bytes;  /* -1: off; else the next write ends after so many bytes, and the process with it */
    uint64_t random;
    struct fault faults[KINDS];
    char directory[PATH_BYTES];
    char only[PATH_BYTES];
};
#define MAGIC 0x51464c5431303031ULL

static struct control *control;
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static long (*real_syscall)(long, ...);

static void open_control(void) {
    real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    const char *path = getenv("QUORATE_DISK_FAULT");
    int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0)
        return;
    struct control *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped != MAP_FAILED && mapped->magic == MAGIC)
        control = mapped;
}

static int is_armed(void) {
    pthread_once(&opened, open_control);
    return control && __atomic_load_n(&control->armed, __ATOMIC_ACQUIRE);
}

static int is_ours(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    size_t below = strlen(control->directory);
    return strncmp(path, control->directory, below) == 0 && (path[below] == '/' || path[below] == 0) && strstr(path, control->only) != NULL;
}

static int drawn(int32_t per_million) {
    if (per_million >= 1000000)
        return 1;
    uint64_t x = __atomic_add_fetch(&control->random, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED); /* splitmix64: each call a step of its own */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return (int32_t)((x ^ (x >> 31)) % 1000000) < per_million;
}

static void wait_ms(int32_t ms) {
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* What a call of this kind on this descriptor meets: its delay through `delay_ms`, its errno as the result. */
static int judge(enum kind kind, int descriptor, int32_t *delay_ms) {
    *delay_ms = 0;
    if (!is_armed() || !is_ours(descriptor))
        return 0;
    struct fault *fault = &control->faults[kind];
    __atomic_add_fetch(&fault->seen, 1, __ATOMIC_RELAXED);
    int error = fault->error;
    if ((!error && !fault->delay_ms) || !drawn(fault->per_million))
        return 0;
    if (error && fault->left >= 0) {
        if (__atomic_fetch_sub(&fault->left, 1, __ATOMIC_RELAXED) <= 0) {
            __atomic_store_n(&fault->left, 0, __ATOMIC_RELAXED);
            error = 0;
        }
    }
    *delay_ms = fault->delay_ms;
    if (error || *delay_ms)
        __atomic_add_fetch(&fault->hit, 1, __ATOMIC_RELAXED);
    return error;
}

static int meet(enum kind kind, int descriptor) {
    int32_t delay_ms;
    int error = judge(kind, descriptor, &delay_ms);
    if (delay_ms)
        wait_ms(delay_ms);
    return error;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL_IF(error) \
    do { \
        int failed = (error); \
        if (failed) { \
            errno = failed; \
            return -1; \
        } \
    } while (0)

int fsync(int fd) {
    REAL(fsync);
    FAIL_IF(meet(SYNC, fd));
    return real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    FAIL_IF(meet(SYNC, fd));
    return real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned int flags) {
    REAL(sync_file_range);
    FAIL_IF(meet(SYNC, fd));
    return real(fd, offset, bytes, flags);
}

/* The bytes of a torn write that reached the disk, and then the end of the process. Does nothing unless it was asked for. */
static void maybe_tear(int fd, const struct iovec *parts, int count, off64_t offset) {
    if (!is_armed() || control->tear_bytes < 0 || !is_ours(fd))
        return;
    int64_t left = __atomic_exchange_n(&control->tear_bytes, -1, __ATOMIC_ACQ_REL);
    if (left < 0)
        return;
    for (int number = 0; number < count && left > 0; number++) {
        size_t size = (int64_t)parts[number].iov_len < left ? parts[number].iov_len : (size_t)left;
        if (offset >= 0)
            syscall(SYS_pwrite64, fd, parts[number].iov_base, size, offset);
        else
            syscall(SYS_write, fd, parts[number].iov_base, size);
        if (offset >= 0)
            offset += (off64_t)size;
        left -= (int64_t)size;
    }
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int meet_write(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    maybe_tear(fd, parts, count, offset);
    int error = meet(WRITE, fd);
    return error || !(flags & (RWF_DSYNC | RWF_SYNC)) ? error : meet(SYNC, fd);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(write);
    struct iovec part = {(void *)bytes, size};
    FAIL_IF(meet_write(fd, &part, 1, -1, 0));
    return real(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    FAIL_IF(meet_write(fd, parts, count, -1, 0));
    return real(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    REAL(pwrite);
    struct iovec part = {(void *)bytes, size};
    FAIL_IF(meet_write(fd, &part, 1, offset, 0));
    return real(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset) {
    REAL(pwrite64);
    struct iovec part = {(void *)bytes, size};
    FAIL_IF(meet_write(fd, &part, 1, offset, 0));
    return real(fd, bytes, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    FAIL_IF(meet_write(fd, parts, count, offset, 0));
    return real(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(pwritev64);
    FAIL_IF(meet_write(fd, parts, count, offset, 0));
    return real(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    REAL(pwritev2);
    FAIL_IF(meet_write(fd, parts, count, offset, flags));
    return real(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    REAL(pwritev64v2);
    FAIL_IF(meet_write(fd, parts, count, offset, flags));
    return real(fd, parts, count, offset, flags);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
    REAL(fallocate);
    FAIL_IF(meet(ALLOCATE, fd));
    return real(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
    REAL(fallocate64);
    FAIL_IF(meet(ALLOCATE, fd));
    return real(fd, mode, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
    REAL(posix_fallocate);
    int error = meet(ALLOCATE, fd);
    return error ? error : real(fd, offset, size);
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
    REAL(posix_fallocate64);
    int error = meet(ALLOCATE, fd);
    return error ? error : real(fd, offset, size);
}

/* --- the kernel's asynchronous sync ------------------------------------------------------------------------------------------------
 * The node submits it on its loop's thread, which a delay must not hold up: a thread of ours waits, and submits it then, or reports the
 * failure as the kernel would, by a completion and the request's eventfd. */

struct late {
    aio_context_t context;
    struct iocb *request;
    int32_t delay_ms;
    int error;
};
static pthread_mutex_t fakes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct io_event fakes[FAKES_MAX];
static int fakes_count;

static void complete(struct iocb *request, int error) {
    uint64_t one = 1;
    pthread_mutex_lock(&fakes_lock);
    if (fakes_count < FAKES_MAX)
        fakes[fakes_count++] = (struct io_event){request->aio_data, (uint64_t)(uintptr_t)request, -error, 0};
    pthread_mutex_unlock(&fakes_lock);
    if (request->aio_flags & IOCB_FLAG_RESFD)
        real_syscall(SYS_write, request->aio_resfd, &one, sizeof one);
}

static void *submit_late(void *argument) {
    struct late late = *(struct late *)argument;
    free(argument);
    if (late.delay_ms)
        wait_ms(late.delay_ms);
    if (!late.error && real_syscall(SYS_io_submit, late.context, 1, &late.request) != 1)
        late.error = errno;
    if (late.error)
        complete(late.request, late.error);
    return NULL;
}

static long submit(aio_context_t context, long count, struct iocb **requests) {
    struct iocb *request = count == 1 ? requests[0] : NULL;
    int32_t delay_ms = 0;
    int error = 0;
    if (request && (request->aio_lio_opcode == IOCB_CMD_FDSYNC || request->aio_lio_opcode == IOCB_CMD_FSYNC))
        error = judge(SYNC, (int)request->aio_fildes, &delay_ms);
    if (!error && !delay_ms)
        return real_syscall(SYS_io_submit, context, count, requests);
    struct late *late = malloc(sizeof *late);
    pthread_t thread;
    if (!late) {
        errno = ENOMEM;
        return -1;
    }
    *late = (struct late){context, request, delay_ms, error};
    int failed = pthread_create(&thread, NULL, submit_late, late);
    if (failed) {
        free(late);
        errno = failed;
        return -1;
    }
    pthread_detach(thread);
    return 1;
}

static long take_fake(struct io_event *events) {
    long taken = 0;
    pthread_mutex_lock(&fakes_lock);
    if (fakes_count) {
        events[0] = fakes[0];
        memmove(fakes, fakes + 1, sizeof fakes[0] * (size_t)--fakes_count);
        taken = 1;
    }
    pthread_mutex_unlock(&fakes_lock);
    return taken;
}

long syscall(long number, ...) {
    long arguments[6];
    va_list rest;
    va_start(rest, number);
    for (int each = 0; each < 6; each++)
        arguments[each] = va_arg(rest, long);
    va_end(rest);
    pthread_once(&opened, open_control);
    if (control) {
        if (number == SYS_io_setup && control->refuse_aio) {
            errno = ENOSYS;
            return -1;
        }
        if (number == SYS_io_submit)
            return submit((aio_context_t)arguments[0], arguments[1], (struct iocb **)arguments[2]);
        if (number == SYS_io_getevents && take_fake((struct io_event *)arguments[3]))
            return 1;
    }
    return real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
