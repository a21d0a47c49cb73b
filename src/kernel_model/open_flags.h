/* SPDX-License-Identifier: MIT */
/* Flags of open(2) as x86-64's user space has them (include/uapi/asm-generic/fcntl.h), whatever the
 * host's are. */
#ifndef X64I_KERNEL_MODEL_OPEN_FLAGS_H
#define X64I_KERNEL_MODEL_OPEN_FLAGS_H

#define O_ACCMODE_   3u
#define O_RDONLY_    0u
#define O_WRONLY_    1u
#define O_RDWR_      2u
#define O_CREAT_     0100u
#define O_EXCL_      0200u
#define O_TRUNC_     01000u
#define O_APPEND_    02000u
#define O_NONBLOCK_  04000u
#define O_DIRECTORY_ 0200000u
#define O_NOFOLLOW_  0400000u
#define O_CLOEXEC_   02000000u
#define O_PATH_      010000000u
#define O_TMPFILE_   020000000u

#endif
