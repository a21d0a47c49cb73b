/* SPDX-License-Identifier: MIT */
/* The page's parts as texts of the library, each ended by a zero. */
	.section .rodata

.macro EMBED name file
	.globl \name
	.hidden \name
\name:
	.incbin "\file"
	.byte 0
.endm

EMBED x64i_page_head head.html
EMBED x64i_page_body body.html
EMBED x64i_page_style page.css
EMBED x64i_page_script page.js
EMBED x64i_page_view view.js
EMBED x64i_page_keys keys.js

	.section .note.GNU-stack, "", @progbits
