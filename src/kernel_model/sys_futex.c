/* SPDX-License-Identifier: MIT */
/* Futexes (kernel/futex): wait, wake, requeue, robust lists. */
#include "kernel_model/abi.h"
#include "kernel_model/futex.h"
#include "kernel_model/region_pages.h"
#include "kernel_model/syscall.h"

#define FUTEX_COMMAND     0x7f /* without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME */
#define FUTEX_PRIVATE     128
#define FUTEX_REALTIME    256
#define FUTEX_WAIT        0
#define FUTEX_WAKE        1
#define FUTEX_REQUEUE     3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAKE_OP     5
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define OWNER_DIED        0x40000000u
#define TID_MASK          0x3fffffffu
#define ROBUST_LIMIT      64
#define ANY_BIT           UINT32_MAX

/* In the low bits of a key's address, which are free: what kind of word it is. */
enum key_kind {
    KEY_PRIVATE = 1, /* of one address space, the call says */
    KEY_OWN = 2,     /* of one address space, because its page is */
    KEY_SHARED = 3   /* whoever maps it */
};

/* Reads a timeout of the program's: the 64-bit or the old 32-bit form. */
typedef int64_t timeout_reader(struct x64i_kernel *kernel, uint64_t linear, uint64_t *nanoseconds);

/* What a futex call was given. */
struct request {
    uint64_t word, word2, timeout;
    int op;
    uint32_t val, val3;
    timeout_reader *read_timeout;
};

/* The word's page is there when this has answered 0. An anonymous page that nobody may write to is
 * refused: what is in it will never change. */
static int64_t check_word(struct x64i_kernel *kernel, uint64_t word, const struct x64i_area *area)
{
    if (area && (area->protection & X64I_PROT_WRITE))
        return x64i_user_writable(kernel, word, sizeof(uint32_t));
    if (area && !area->shared && area->kind != X64I_AREA_FILE)
        return -EFAULT;
    return x64i_user_readable(kernel, word, sizeof(uint32_t));
}

/* The key of a word (kernel/futex/core.c, get_futex_key). Calls with FUTEX_PRIVATE_FLAG meet only
 * one another, and look at no memory. */
static int64_t get_key(struct x64i_kernel *kernel, uint64_t word, int op,
                       struct x64i_futex_key *key)
{
    const struct x64i_area *area = x64i_mm_find(&kernel->mm, word);
    uint64_t space = (uint64_t)kernel->process->mm + 1;
    if (word & 3)
        return -EINVAL;
    if (!x64i_range_ok(word, sizeof(uint32_t), kernel->mm.limit))
        return -EFAULT;
    if (op & FUTEX_PRIVATE) {
        *key = (struct x64i_futex_key){word | KEY_PRIVATE, space};
        return 0;
    }
    int64_t bad = check_word(kernel, word, area);
    if (bad)
        return bad;
    if (area && area->shared) {
        uint64_t entry = x64i_page_entry(kernel, kernel->layout.root, word, NULL);
        uint64_t physical = (entry & X64I_PTE_ADDRESS) | word % X64I_PAGE_SIZE;
        *key = (struct x64i_futex_key){physical | KEY_SHARED, 0};
    } else {
        *key = (struct x64i_futex_key){word | KEY_OWN, space};
    }
    return 0;
}

static bool is_same_key(const struct x64i_futex_key *a, const struct x64i_futex_key *b)
{
    return a->address == b->address && a->space == b->space;
}

/* When the wait ends: the first time that is asked, from the timeout. */
static int64_t begin_wait(struct x64i_kernel *kernel, const struct request *request, bool absolute)
{
    struct x64i_task *task = kernel->task;
    uint64_t time = 0;
    uint64_t now = x64i_time_now(kernel, 1);
    if (!request->timeout)
        return 0;
    int64_t bad = request->read_timeout(kernel, request->timeout, &time);
    if (bad)
        return bad;
    if (absolute && (request->op & FUTEX_REALTIME)) {
        uint64_t wall = x64i_time_now(kernel, 0);
        time = time > wall ? time - wall : 0;
        absolute = false;
    }
    if (!absolute)
        time = time < INT64_MAX - now ? now + time : INT64_MAX;
    task->wake_clock = time ? time : 1;
    return 0;
}

static int64_t wait_on(struct x64i_kernel *kernel, const struct request *request, bool absolute,
                       uint32_t bitset)
{
    struct x64i_task *task = kernel->task;
    struct x64i_futex_key key;
    uint32_t value;
    if (task->progress) {
        if (task->futex.woken)
            return 0;
        if (task->wake_clock && x64i_time_now(kernel, 1) >= task->wake_clock)
            return -ETIMEDOUT;
        return X64I_SLEEP;
    }
    int64_t bad = bitset ? get_key(kernel, request->word, request->op, &key) : -EINVAL;
    if (!bad)
        bad = x64i_user_readable(kernel, request->word, sizeof value);
    if (!bad)
        bad = begin_wait(kernel, request, absolute);
    if (bad)
        return bad;
    x64i_user_read(kernel, request->word, &value, sizeof value);
    if (value != request->val)
        return -EAGAIN;
    task->futex = (struct x64i_futex_wait){.key = key, .bitset = bitset};
    task->progress = 1;
    return X64I_SLEEP;
}

/* Wakes up to `count` that wait at a key and has up to `moved` more wait at another one. */
static int64_t wake_key(struct x64i_kernel *kernel, const struct x64i_futex_key *key,
                        uint32_t count, uint32_t bitset, const struct x64i_futex_key *other,
                        uint32_t moved)
{
    int64_t done = 0;
    for (uint32_t i = 0; i < X64I_TASKS_MAX && (count || moved); i++) {
        const struct x64i_task *read = x64i_record_read(kernel, kernel->tasks, i);
        if (read->state != X64I_TASK_WAITING || !is_same_key(&read->futex.key, key) ||
            read->futex.woken || !(read->futex.bitset & bitset))
            continue;
        struct x64i_task *task = x64i_task_at(kernel, i);
        if (count) {
            task->futex.woken = 1;
            count--;
            x64i_task_event(kernel);
        } else {
            task->futex.key = *other;
            moved--;
        }
        done++;
    }
    return done;
}

int64_t x64i_futex_wake(struct x64i_kernel *kernel, uint64_t word, uint32_t count, uint32_t bitset)
{
    struct x64i_futex_key key;
    int64_t bad = get_key(kernel, word, FUTEX_WAKE, &key);
    return bad ? bad : wake_key(kernel, &key, count, bitset, NULL, 0);
}

static int64_t requeue(struct x64i_kernel *kernel, const struct request *request, bool compare)
{
    uint32_t value;
    struct x64i_futex_key from, to;
    int64_t bad = get_key(kernel, request->word, request->op, &from);
    if (!bad)
        bad = get_key(kernel, request->word2, request->op, &to);
    if (!bad && compare)
        bad = x64i_user_readable(kernel, request->word, sizeof value);
    if (bad)
        return bad;
    if (compare) {
        x64i_user_read(kernel, request->word, &value, sizeof value);
        if (value != request->val3)
            return -EAGAIN;
    }
    return wake_key(kernel, &from, request->val, ANY_BIT, &to, (uint32_t)request->timeout);
}

static uint32_t apply_op(unsigned op, uint32_t old, uint32_t argument)
{
    switch (op & 7) {
    case 0:
        return argument;
    case 1:
        return old + argument;
    case 2:
        return old | argument;
    case 3:
        return old & ~argument;
    default:
        return old ^ argument;
    }
}

static bool compare_op(unsigned comparison, int32_t old, int32_t argument)
{
    switch (comparison) {
    case 0:
        return old == argument;
    case 1:
        return old != argument;
    case 2:
        return old < argument;
    case 3:
        return old <= argument;
    case 4:
        return old > argument;
    default:
        return old >= argument;
    }
}

static int64_t wake_op(struct x64i_kernel *kernel, const struct request *request)
{
    uint32_t old;
    struct x64i_futex_key key, key2;
    uint32_t argument = request->val3 >> 12 & 0xfff;
    int64_t bad = get_key(kernel, request->word, request->op, &key);
    if (!bad)
        bad = get_key(kernel, request->word2, request->op, &key2);
    if (!bad)
        bad = x64i_user_writable(kernel, request->word2, sizeof old);
    if (bad)
        return bad;
    x64i_user_read(kernel, request->word2, &old, sizeof old);
    if (request->val3 >> 28 & 8)
        argument = 1u << (argument & 31);
    uint32_t value = apply_op(request->val3 >> 28, old, argument);
    x64i_user_write(kernel, request->word2, &value, sizeof value);
    int64_t woken = wake_key(kernel, &key, request->val, ANY_BIT, NULL, 0);
    if (compare_op(request->val3 >> 24 & 15, (int32_t)old, (int32_t)(request->val3 & 0xfff)))
        woken += wake_key(kernel, &key2, (uint32_t)request->timeout, ANY_BIT, NULL, 0);
    return woken;
}

static int64_t wake(struct x64i_kernel *kernel, const struct request *request, uint32_t bitset)
{
    struct x64i_futex_key key;
    int64_t bad = bitset ? get_key(kernel, request->word, request->op, &key) : -EINVAL;
    return bad ? bad : wake_key(kernel, &key, request->val, bitset, NULL, 0);
}

static int64_t do_futex(struct x64i_kernel *kernel, const struct request *request)
{
    switch (request->op & FUTEX_COMMAND) {
    case FUTEX_WAIT:
        return wait_on(kernel, request, false, ANY_BIT);
    case FUTEX_WAIT_BITSET:
        return wait_on(kernel, request, true, request->val3);
    case FUTEX_WAKE:
        return wake(kernel, request, ANY_BIT);
    case FUTEX_WAKE_BITSET:
        return wake(kernel, request, request->val3);
    case FUTEX_REQUEUE:
        return requeue(kernel, request, false);
    case FUTEX_CMP_REQUEUE:
        return requeue(kernel, request, true);
    case FUTEX_WAKE_OP:
        return wake_op(kernel, request);
    default:
        return -ENOSYS;
    }
}

SYSCALL_DEFINE6(futex, uint32_t __user *, uaddr, int, op, uint32_t, val,
                const struct timespec __user *, utime, uint32_t __user *, uaddr2, uint32_t, val3)
{
    const struct request request = {
        X64I_USER(uaddr), X64I_USER(uaddr2), X64I_USER(utime), op, val, val3, x64i_timespec_get};
    return do_futex(kernel, &request);
}

SYSCALL_DEFINE6(futex_time32, uint32_t __user *, uaddr, int, op, uint32_t, val,
                const struct old_timespec32 __user *, utime, uint32_t __user *, uaddr2, uint32_t,
                val3)
{
    const struct request request = {
        X64I_USER(uaddr), X64I_USER(uaddr2), X64I_USER(utime), op, val, val3, x64i_timespec_get_32};
    return do_futex(kernel, &request);
}

/* One lock: its word says who holds it. */
static int64_t release_lock(struct x64i_kernel *kernel, uint64_t word)
{
    uint32_t value;
    if (word & 3 || x64i_user_peek(kernel, word, &value, sizeof value) != sizeof value ||
        (value & TID_MASK) != kernel->task->tid)
        return 0;
    int64_t bad = x64i_user_writable(kernel, word, sizeof value);
    if (bad)
        return bad;
    value = (value & ~TID_MASK) | OWNER_DIED;
    x64i_user_write(kernel, word, &value, sizeof value);
    x64i_futex_wake(kernel, word, 1, ANY_BIT);
    return 0;
}

int64_t x64i_futex_robust_exit(struct x64i_kernel *kernel)
{
    uint64_t head[3];
    uint64_t list = kernel->task->robust_list;
    if (!list || kernel->task->compat ||
        x64i_user_peek(kernel, list, head, sizeof head) != sizeof head)
        return 0;
    uint64_t entry = head[0];
    for (unsigned i = 0; i < ROBUST_LIMIT && (entry & ~UINT64_C(1)) != list; i++) {
        uint64_t next;
        entry &= ~UINT64_C(1);
        if (x64i_user_peek(kernel, entry, &next, sizeof next) != sizeof next)
            break;
        int64_t bad = release_lock(kernel, entry + head[1]);
        if (bad == X64I_FAULT_IN)
            return bad;
        entry = next;
    }
    return 0;
}
