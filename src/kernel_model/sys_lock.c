/* SPDX-License-Identifier: MIT */
/* Locks on files: flock, and fcntl's on ranges of bytes. All are advisory. */
#include "kernel_model/open_flags.h"
#include "kernel_model/record_lock.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"

#include <string.h>

#define LOCK_SH_ 1u
#define LOCK_EX_ 2u
#define LOCK_NB_ 4u
#define LOCK_UN_ 8u

#define F_GETLK_         5u
#define F_SETLK_         6u
#define F_SETLKW_        7u
#define F_GETLK64_       12u /* of 32-bit programs */
#define F_SETLKW64_      14u
#define F_OFD_GETLK_     36u
#define F_OFD_SETLKW_    38u
#define F_RDLCK_         0
#define F_WRLCK_         1
#define F_UNLCK_         2
#define OPEN_FILE_ITSELF 0u /* an owner: no process has that number */

/* Where a struct flock has its fields: the 64-bit one, i386's, and i386's flock64. */
struct layout {
    uint8_t size, start, length, pid;
    bool narrow; /* start and length of 32 bits */
};

static const struct layout layout_64 = {32, 8, 16, 24, false};
static const struct layout layout_i386 = {16, 4, 8, 12, true};
static const struct layout layout_i386_64 = {24, 4, 12, 20, false};

/* What is asked for. */
struct request {
    struct x64i_record_lock lock; /* kind X64I_RECORD_NONE: to be unlocked */
    const struct layout *layout;
    bool query;
    bool wait;
};

/* Whether another open file has a lock that `wanted` cannot stand beside. */
static bool is_locked(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                      unsigned wanted)
{
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *other = x64i_record_read(kernel, kernel->files, i);
        if (!other->lock || other == file || !x64i_file_is_same(file, other))
            continue;
        if (wanted == LOCK_EX_ || other->lock == LOCK_EX_)
            return true;
    }
    return false;
}

SYSCALL_DEFINE2(flock, unsigned int, fd, unsigned int, cmd)
{
    struct x64i_open_file *file = x64i_file_of(kernel, fd);
    unsigned wanted = cmd & ~LOCK_NB_;
    if (!file)
        return -EBADF;
    if (wanted != LOCK_SH_ && wanted != LOCK_EX_ && wanted != LOCK_UN_)
        return -EINVAL;
    if (wanted != LOCK_UN_ && is_locked(kernel, file, wanted))
        return cmd & LOCK_NB_ ? -EAGAIN : X64I_SLEEP;
    file->lock = wanted == LOCK_UN_ ? 0 : wanted;
    x64i_task_event(kernel);
    return 0;
}

bool x64i_is_record_lock(const struct x64i_kernel *kernel, unsigned command)
{
    return (command >= F_GETLK_ && command <= F_SETLKW_) ||
           (command >= F_OFD_GETLK_ && command <= F_OFD_SETLKW_) ||
           (kernel->task->compat && command >= F_GETLK64_ && command <= F_SETLKW64_);
}

/* Epolls and sockets have other things where files have their locks. */
static bool has_locks(const struct x64i_open_file *file)
{
    return file->kind != X64I_FILE_NONE && file->kind != X64I_FILE_EPOLL &&
           file->kind != X64I_FILE_SOCKET;
}

/* Whether an open file, which may be the one asked about, can have locks on its file. */
static bool is_of_same(const struct x64i_open_file *file, const struct x64i_open_file *other)
{
    return has_locks(other) && (other == file || x64i_file_is_same(file, other));
}

static bool is_own(const struct x64i_open_file *file, const struct x64i_open_file *other,
                   const struct x64i_record_lock *lock, uint32_t owner)
{
    return lock->owner == owner && (owner != OPEN_FILE_ITSELF || file == other);
}

static bool overlaps(const struct x64i_record_lock *a, const struct x64i_record_lock *b)
{
    return a->kind && b->kind && a->first <= b->last && b->first <= a->last;
}

/* The first lock that the wanted one cannot stand beside, or null. */
static const struct x64i_record_lock *find_conflict(struct x64i_kernel *kernel,
                                                    const struct x64i_open_file *file,
                                                    const struct x64i_record_lock *wanted)
{
    const struct x64i_record_lock *found = NULL;
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *other = x64i_record_read(kernel, kernel->files, i);
        if (!is_of_same(file, other))
            continue;
        for (unsigned at = 0; at < X64I_RECORD_LOCKS; at++) {
            const struct x64i_record_lock *lock = &other->record[at];
            if (overlaps(lock, wanted) && !is_own(file, other, lock, wanted->owner) &&
                (lock->kind == X64I_RECORD_EXCLUSIVE || wanted->kind == X64I_RECORD_EXCLUSIVE) &&
                (!found || lock->first < found->first))
                found = lock;
        }
    }
    return found;
}

static unsigned count_free(const struct x64i_open_file *file)
{
    unsigned count = 0;
    for (unsigned at = 0; at < X64I_RECORD_LOCKS; at++)
        count += !file->record[at].kind;
    return count;
}

static struct x64i_record_lock *find_free(struct x64i_open_file *file)
{
    for (unsigned at = 0; at < X64I_RECORD_LOCKS; at++)
        if (!file->record[at].kind)
            return &file->record[at];
    return NULL;
}

/* Takes the bytes of `range` out of its owner's locks in one open file; `asked` is the one that the
 * call was about. False, and nothing is changed, when a lock would be split and there is no room.
 */
static bool cut(struct x64i_open_file *file, const struct x64i_open_file *asked,
                const struct x64i_record_lock *range)
{
    for (unsigned at = 0; at < X64I_RECORD_LOCKS; at++) {
        struct x64i_record_lock *lock = &file->record[at];
        if (!lock->kind || lock->first > range->last || lock->last < range->first ||
            !is_own(asked, file, lock, range->owner))
            continue;
        if (lock->first < range->first && lock->last > range->last) {
            struct x64i_record_lock *tail = find_free(file);
            if (!tail)
                return false;
            *tail = *lock;
            tail->first = range->last + 1;
            lock->last = range->first - 1;
            return true; /* one owner's locks do not overlap */
        }
        if (lock->first < range->first)
            lock->last = range->first - 1;
        else if (lock->last > range->last)
            lock->first = range->last + 1;
        else
            *lock = (struct x64i_record_lock){0};
    }
    return true;
}

/* The owner's locks of that kind that end where the new one begins, or the other way round, become
 * part of it. */
static void join(struct x64i_open_file *file, struct x64i_record_lock *lock)
{
    for (unsigned at = 0; at < X64I_RECORD_LOCKS; at++) {
        struct x64i_record_lock *other = &file->record[at];
        if (other->kind != lock->kind || other->owner != lock->owner)
            continue;
        if (other->last + 1 == lock->first)
            lock->first = other->first;
        else if (lock->last + 1 == other->first)
            lock->last = other->last;
        else
            continue;
        *other = (struct x64i_record_lock){0};
    }
}

static int64_t set_lock(struct x64i_kernel *kernel, struct x64i_open_file *file,
                        const struct x64i_record_lock *wanted)
{
    if (wanted->kind && count_free(file) < 2) /* one may be split around it */
        return -ENOLCK;
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *other = x64i_record_read(kernel, kernel->files, i);
        if (is_of_same(file, other) && !cut(x64i_file_at(kernel, i), file, wanted))
            return -ENOLCK;
    }
    if (wanted->kind) {
        struct x64i_record_lock grown = *wanted;
        join(file, &grown);
        *find_free(file) = grown;
        kernel->schedule.record_locks = 1;
    }
    x64i_task_event(kernel);
    return 0;
}

static const struct layout *layout_of(const struct x64i_kernel *kernel, unsigned command)
{
    if (!kernel->task->compat)
        return &layout_64;
    return command <= F_SETLKW_ ? &layout_i386 : &layout_i386_64;
}

static int64_t read_number(const struct layout *layout, const uint8_t *bytes, unsigned at)
{
    int64_t wide;
    int32_t narrow;
    memcpy(&wide, bytes + at, sizeof wide);
    memcpy(&narrow, bytes + at, sizeof narrow);
    return layout->narrow ? narrow : wide;
}

/* The bytes meant by l_whence, l_start and l_len, which may be negative. */
static int64_t read_range(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                          uint32_t index, int16_t whence, int64_t start, int64_t length,
                          struct x64i_record_lock *lock)
{
    int64_t base = 0;
    if (whence == 1)
        base = (int64_t)file->position;
    else if (whence == 2)
        base = (int64_t)x64i_file_size(kernel, index);
    else if (whence != 0)
        return -EINVAL;
    int64_t first, last = INT64_MAX;
    if (__builtin_add_overflow(base, start, &first))
        return -EOVERFLOW;
    if (length > 0 && __builtin_add_overflow(first, length - 1, &last))
        return -EOVERFLOW;
    if (length < 0) {
        last = first - 1;
        if (__builtin_add_overflow(first, length, &first))
            return -EINVAL;
    }
    if (first < 0)
        return -EINVAL;
    lock->first = (uint64_t)first;
    lock->last = (uint64_t)last;
    return 0;
}

static int64_t read_request(struct x64i_kernel *kernel, const struct x64i_open_file *file,
                            uint32_t index, unsigned command, uint64_t address,
                            struct request *request)
{
    uint8_t bytes[32 + sizeof(int64_t)] = {0};
    const struct layout *layout = layout_of(kernel, command);
    bool of_file = command >= F_OFD_GETLK_;
    int16_t type, whence;
    int32_t pid;
    int64_t bad = x64i_user_readable(kernel, address, layout->size);
    if (bad)
        return bad;
    x64i_user_read(kernel, address, bytes, layout->size);
    memcpy(&type, bytes, sizeof type);
    memcpy(&whence, bytes + sizeof type, sizeof whence);
    memcpy(&pid, bytes + layout->pid, sizeof pid);
    static const uint32_t kinds[] = {X64I_RECORD_SHARED, X64I_RECORD_EXCLUSIVE, X64I_RECORD_NONE};
    if (type < F_RDLCK_ || type > F_UNLCK_ || (of_file && pid != 0))
        return -EINVAL;
    *request = (struct request){
        .layout = layout,
        .query = command == F_GETLK_ || command == F_GETLK64_ || command == F_OFD_GETLK_,
        .wait = command == F_SETLKW_ || command == F_SETLKW64_ || command == F_OFD_SETLKW_};
    request->lock.kind = kinds[type];
    request->lock.owner = of_file ? OPEN_FILE_ITSELF : kernel->process->pid;
    return read_range(kernel, file, index, whence, read_number(layout, bytes, layout->start),
                      read_number(layout, bytes, layout->length), &request->lock);
}

static void put_number(const struct layout *layout, uint8_t *bytes, unsigned at, uint64_t value)
{
    memcpy(bytes + at, &value, layout->narrow ? sizeof(int32_t) : sizeof value);
}

/* F_GETLK: what stands in the way, or F_UNLCK and the rest as it was. */
static int64_t report(struct x64i_kernel *kernel, const struct request *request,
                      const struct x64i_record_lock *conflict, uint64_t address)
{
    uint8_t bytes[32] = {0};
    const struct layout *layout = request->layout;
    int64_t bad = x64i_user_writable(kernel, address, layout->size);
    if (bad)
        return bad;
    int16_t type = F_UNLCK_;
    x64i_user_read(kernel, address, bytes, layout->size);
    if (conflict) {
        const int16_t whence = 0;
        int32_t pid = conflict->owner == OPEN_FILE_ITSELF ? -1 : (int32_t)conflict->owner;
        bool endless = conflict->last == INT64_MAX;
        type = conflict->kind == X64I_RECORD_SHARED ? F_RDLCK_ : F_WRLCK_;
        memcpy(bytes + sizeof type, &whence, sizeof whence);
        put_number(layout, bytes, layout->start, conflict->first);
        put_number(layout, bytes, layout->length,
                   endless ? 0 : conflict->last - conflict->first + 1);
        memcpy(bytes + layout->pid, &pid, sizeof pid);
    }
    memcpy(bytes, &type, sizeof type);
    x64i_user_write(kernel, address, bytes, layout->size);
    return 0;
}

int64_t x64i_record_lock(struct x64i_kernel *kernel, uint32_t index, unsigned command,
                         uint64_t lock)
{
    struct request request;
    struct x64i_open_file *file = x64i_file_at(kernel, index);
    if (!has_locks(file) || file->flags & O_PATH_)
        return file->flags & O_PATH_ ? -EBADF : -EINVAL;
    int64_t bad = read_request(kernel, file, index, command, lock, &request);
    if (bad)
        return bad;
    uint32_t access = file->flags & O_ACCMODE_;
    if (request.query) {
        if (!request.lock.kind)
            return -EINVAL;
        return report(kernel, &request, find_conflict(kernel, file, &request.lock), lock);
    }
    if ((request.lock.kind == X64I_RECORD_SHARED && access == O_WRONLY_) ||
        (request.lock.kind == X64I_RECORD_EXCLUSIVE && access == O_RDONLY_))
        return -EBADF;
    if (request.lock.kind && find_conflict(kernel, file, &request.lock))
        return request.wait ? X64I_SLEEP : -EAGAIN;
    return set_lock(kernel, file, &request.lock);
}

void x64i_record_locks_drop(struct x64i_kernel *kernel, const struct x64i_open_file *file)
{
    const struct x64i_record_lock all = {.last = INT64_MAX, .owner = kernel->process->pid};
    if (!kernel->schedule.record_locks || !has_locks(file))
        return;
    for (uint32_t i = 0; i < X64I_OPEN_FILES_MAX; i++) {
        const struct x64i_open_file *other = x64i_record_read(kernel, kernel->files, i);
        if (is_of_same(file, other))
            (void)cut(x64i_file_at(kernel, i), file, &all); /* nothing is split */
    }
    x64i_task_event(kernel);
}
