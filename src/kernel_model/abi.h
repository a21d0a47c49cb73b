/* SPDX-License-Identifier: MIT */
/*
 * Structures of the Linux ABI as the guest sees them, and what of its constants the host's headers
 * may have otherwise. Little-endian, as both sides are.
 */
#ifndef X64I_KERNEL_MODEL_ABI_H
#define X64I_KERNEL_MODEL_ABI_H

#include <stdint.h>

struct x64i_abi_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev;
    int64_t size, block_size, blocks;
    uint64_t times[6];
    int64_t unused[3];
};

struct x64i_abi_statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};

struct x64i_abi_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct x64i_abi_statx_time times[4];
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare[14];
};

struct x64i_abi_iovec {
    uint64_t base;
    uint64_t length;
};

struct x64i_abi_iovec_32 {
    uint32_t base;
    uint32_t length;
};

struct x64i_abi_timespec {
    int64_t seconds;
    int64_t nanoseconds;
};

/* struct old_timespec32, and struct old_timeval32 alike. */
struct x64i_abi_timespec_32 {
    int32_t seconds;
    int32_t nanoseconds;
};

struct x64i_abi_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

struct x64i_abi_rlimit {
    uint64_t current;
    uint64_t maximum;
};

struct x64i_abi_sigaction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};

struct x64i_abi_user_desc {
    uint32_t entry_number;
    uint32_t base;
    uint32_t limit;
    uint32_t flags; /* seg_32bit:1 contents:2 read_exec_only:1 limit_in_pages:1 not_present:1
                       useable:1 */
};

_Static_assert(sizeof(struct x64i_abi_stat) == 144, "struct stat");
_Static_assert(sizeof(struct x64i_abi_statx) == 256, "struct statx");

#endif
