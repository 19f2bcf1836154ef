/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c
 *	  Prints the notifications of a file, one a line, as a tree without times and ids.
 */
#include <stdio.h>
#include <stdlib.h>

#include "osprofiler/notification.h"
#include "osprofiler/report.h"

int
main(int argc, char **argv)
{
	const osp_draw_options options = {.struct_size = sizeof(options),
									  .all = true};
	osp_report *report = osp_report_new(&osp_allocator_default);
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	const char *text;
	osp_buf out;

	if (in == NULL || report == NULL)
		return 1;
	while ((len = getline(&line, &size, in)) > 0)
	{
		if (osp_report_add(report, osp_str_n(line, (size_t) len - 1), NULL) !=
			OSP_OK)
			return 1;
	}
	(void) fclose(in);
	free(line);
	osp_buf_init(&out, &osp_allocator_default, OSP_NOTIFICATION_MAX);
	if (osp_report_draw(report, &options, &out) != OSP_OK)
		return 1;
	text = strchr(out.ptr, '\n');
	(void) fputs(text != NULL ? text + 1 : "", stdout);
	osp_buf_term(&out);
	osp_report_free(report);
	return 0;
}
