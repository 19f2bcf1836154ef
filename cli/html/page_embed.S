/* SPDX-License-Identifier: Apache-2.0
 *
 * page_embed.S
 *	  The two parts of the page as bytes of the program, and how many they are.
 *	  PAGE_HEAD and PAGE_TAIL are the files that join.sh made.
 */
	.section .rodata
	.globl cli_page_head, cli_page_head_size, cli_page_tail, cli_page_tail_size
	.hidden cli_page_head, cli_page_head_size, cli_page_tail, cli_page_tail_size
cli_page_head:
	.incbin PAGE_HEAD
head_end:
cli_page_tail:
	.incbin PAGE_TAIL
tail_end:
	.balign 4
cli_page_head_size:
	.long head_end - cli_page_head
cli_page_tail_size:
	.long tail_end - cli_page_tail
	.section .note.GNU-stack, "", %progbits
