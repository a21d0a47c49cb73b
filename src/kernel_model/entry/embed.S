/* SPDX-License-Identifier: MIT */
/* The built-in images and programs as bytes of the library. */
	.section .rodata

.macro EMBED name file
	.balign 16
	.globl \name
	.hidden \name
\name:
	.incbin "\file"
	.globl \name\()_end
	.hidden \name\()_end
\name\()_end:
	.byte 0
.endm

EMBED x64i_era_6_1 era_6_1.elf
EMBED x64i_era_5_4 era_5_4.elf
EMBED x64i_era_4_18 era_4_18.elf
EMBED x64i_era_4_16 era_4_16.elf
EMBED x64i_era_4_15 era_4_15.elf
EMBED x64i_era_4_9 era_4_9.elf
EMBED x64i_era_sysenter era_sysenter.elf
EMBED x64i_era_int80 era_int80.elf
EMBED x64i_stock stock.elf
EMBED x64i_demo_64 demo_64.elf
EMBED x64i_demo_32 demo_32.elf
EMBED x64i_demo_sysenter demo_sysenter.elf

	.section .note.GNU-stack, "", @progbits
