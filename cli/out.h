/* SPDX-License-Identifier: Apache-2.0
 *
 * out.h
 *	  Where a command's output goes: stdout, or a file that appears when it is
 *	  whole.
 *
 * Output for a file is written to a temporary file beside it, which is renamed
 * at the end; a run that fails or is interrupted leaves the old file, or none.
 * What is no regular file (a device, a pipe) is written to directly. The first
 * error is kept, and cli_out_close reports it. There is one output at a time.
 */
#ifndef OSPROFILER_CLI_OUT_H
#define OSPROFILER_CLI_OUT_H

#include "osprofiler/base.h"

typedef struct cli_out
{
	int fd;
	int error;  /* errno of the first failure, 0 for none */
	size_t len; /* bytes that wait in the buffer */
	char *path; /* NULL: stdout */
	char *temp; /* NULL: written directly */
} cli_out;

/* path NULL or "-": stdout. CLI_FAILED after a message. */
int cli_out_open(cli_out *out, const char *path) OSP_MUST_CHECK;

/* Appends a piece to the cli_out ctx; has the form of osp_write_fn. OSP_EIO after
 * an error. */
osp_status cli_out_write(void *ctx, osp_str piece);

void cli_out_printf(cli_out *out, const char *fmt, ...) OSP_PRINTF(2, 3);

/* Writes what waits in the buffer. */
void cli_out_flush(cli_out *out);

/* Gives the output up: a file stays as it was. For after another error. */
void cli_out_abandon(cli_out *out);

/* Writes what is left and ends. CLI_FAILED after a message; where nobody reads stdout
 * any more, the process ends by SIGPIPE. */
int cli_out_close(cli_out *out) OSP_MUST_CHECK;

/* The same of an error in writing to stdout by other means: CLI_FAILED. */
int cli_stdout_failed(int error);

#endif /* OSPROFILER_CLI_OUT_H */
