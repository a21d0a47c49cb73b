/* SPDX-License-Identifier: MIT */
/*
 * Frames that several address spaces use, and pairs of frames: page tables of the kernel and, under
 * PTI, of the user side by side.
 */
#ifndef X64I_KERNEL_MODEL_FRAMES_H
#define X64I_KERNEL_MODEL_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

struct x64i_kernel;

/* One more user, which gives the frame back as the first one does. False when there are too many.
 */
bool x64i_frame_share(struct x64i_kernel *kernel, uint64_t physical);

/* Whether somebody else uses the frame too. */
bool x64i_frame_is_shared(const struct x64i_kernel *kernel, uint64_t physical);

/* Two adjacent zeroed frames, aligned to their size; 0 when RAM is full. */
uint64_t x64i_frame_take_pair(struct x64i_kernel *kernel);
void x64i_frame_give_back_pair(struct x64i_kernel *kernel, uint64_t physical);

#endif
