/* SPDX-License-Identifier: Apache-2.0
 *
 * out.h
 *	  The output of a command: stdout, or a file that appears when it is
 *	  complete.
 *
 * Output for a file is written to a temporary file beside it, which is renamed
 * at the end; a run that fails or is interrupted leaves the old file, or none.
 * A device or a pipe is written to directly. The first error is kept, and
 * cli_out_close reports it. There is one output at a time.
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
	char *temp; /* NULL: the file is written directly */
} cli_out;

/* Opens the output; a path of NULL or "-" means stdout. CLI_FAILED after a message. */
int cli_out_open(cli_out *out, const char *path) OSP_MUST_CHECK;

/* Appends a piece to the cli_out ctx; has the form of osp_write_fn. OSP_EIO after
 * an error. */
osp_status cli_out_write(void *ctx, osp_str piece);

void cli_out_printf(cli_out *out, const char *fmt, ...) OSP_PRINTF(2, 3);

/* Writes out the bytes that wait in the buffer. */
void cli_out_flush(cli_out *out);

/* Gives up the output after another error; a file stays as it was. */
void cli_out_abandon(cli_out *out);

/*
 * Writes the rest and ends the output. CLI_FAILED after a message. If the
 * reader of stdout has gone, the process ends by SIGPIPE.
 */
int cli_out_close(cli_out *out) OSP_MUST_CHECK;

/*
 * Reports an error in writing to stdout without a cli_out, as cli_out_close
 * would. Returns CLI_FAILED.
 */
int cli_stdout_failed(int error);

#endif /* OSPROFILER_CLI_OUT_H */
