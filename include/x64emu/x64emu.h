/* SPDX-License-Identifier: MIT */
/*
 * The whole public API. The headers below stand alone, too; each opens with the smallest program
 * that uses it.
 *
 *     #include <x64emu/x64emu.h>
 */
#ifndef X64EMU_X64EMU_H
#define X64EMU_X64EMU_H

#include "x64emu/effects.h"
#include "x64emu/fault.h"
#include "x64emu/hook_events.h"
#include "x64emu/hooks.h"
#include "x64emu/kernel_image.h"
#include "x64emu/kernel_model.h"
#include "x64emu/kernel_patch.h"
#include "x64emu/machine.h"
#include "x64emu/memory.h"
#include "x64emu/status.h"
#include "x64emu/syscalls.h"
#include "x64emu/trace.h"

#endif
