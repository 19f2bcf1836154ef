/* SPDX-License-Identifier: Apache-2.0
 *
 * page_embed.S
 *	  The parts of the pages that join.sh made, as bytes of the program, and how many
 *	  they are.
 */
	.section .rodata

	.macro embed symbol, file
	.globl \symbol, \symbol\()_size
	.hidden \symbol, \symbol\()_size
\symbol:
	.incbin "\file"
\symbol\()_end:
	.balign 4
\symbol\()_size:
	.long \symbol\()_end - \symbol
	.endm

	embed cli_page_head, "page_head.html"
	embed cli_page_tail, "page_tail.html"
	embed cli_page_policy, "page_policy"
	embed cli_list_head, "list_head.html"
	embed cli_list_tail, "list_tail.html"
	embed cli_list_policy, "list_policy"
	.section .note.GNU-stack, "", %progbits
