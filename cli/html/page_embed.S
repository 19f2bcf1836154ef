/* SPDX-License-Identifier: Apache-2.0
 *
 * page_embed.S
 *	  The two parts of the page as bytes of the program. PAGE_HEAD and PAGE_TAIL
 *	  are the files that join.sh made.
 */
	.section .rodata
	.globl cli_page_head, cli_page_head_end, cli_page_tail, cli_page_tail_end
	.hidden cli_page_head, cli_page_head_end, cli_page_tail, cli_page_tail_end
cli_page_head:
	.incbin PAGE_HEAD
cli_page_head_end:
	.byte 0
cli_page_tail:
	.incbin PAGE_TAIL
cli_page_tail_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
