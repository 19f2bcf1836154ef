/* SPDX-License-Identifier: Apache-2.0
 *
 * outside_note.c
 *	  How much of a command's time is not in its trace.
 *
 * The first line of the file is the id of the trace; the text follows.
 */
#include "noted/outside_note.h"

#include <unistd.h>

#include "noted/note_file.h"

#define NOTE_FILE "outside-trace"
#define NOTE_MAX  4096

void
cli_outside_note(const osp_config *config, const char *base_id,
				 const char *text)
{
	int fd = cli_note_open(config, NOTE_FILE, true);
	osp_buf note;

	if (fd < 0)
		return;
	osp_buf_init(&note, &osp_allocator_default, NOTE_MAX);
	osp_buf_addf(&note, "%s\n%s", base_id, text);
	if (osp_buf_status(&note) == OSP_OK)
		cli_note_replace(fd, osp_buf_str(&note));
	osp_buf_term(&note);
	(void) close(fd);
}

bool
cli_outside_read(const osp_config *config, osp_str base_id, osp_buf *text)
{
	int fd = cli_note_open(config, NOTE_FILE, false);
	osp_buf note;
	bool found;

	if (fd < 0)
		return false;
	osp_buf_init(&note, &osp_allocator_default, NOTE_MAX + 4096);
	found = cli_note_read(fd, &note) && note.len > base_id.len &&
			memcmp(note.ptr, base_id.ptr, base_id.len) == 0 &&
			note.ptr[base_id.len] == '\n';
	if (found)
		osp_buf_add_str(
			text,
			osp_str_n(note.ptr + base_id.len + 1, note.len - base_id.len - 1));
	osp_buf_term(&note);
	(void) close(fd);
	return found;
}
