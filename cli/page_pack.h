/* SPDX-License-Identifier: Apache-2.0
 *
 * page_pack.h
 *	  The data of a page, packed if they are long.
 */
#ifndef OSPROFILER_CLI_PAGE_PACK_H
#define OSPROFILER_CLI_PAGE_PACK_H

#include "osprofiler/report.h"

typedef struct cli_packer cli_packer;

/*
 * Makes a packer that hands its output to write(ctx). Returned owned; NULL: no
 * memory.
 */
cli_packer *cli_packer_new(osp_write_fn write, void *ctx) OSP_MUST_CHECK;

/* Takes a piece of JSON; has the form of osp_write_fn, with the packer as ctx. */
osp_status cli_packer_write(void *ctx, osp_str piece);

/* Hands over the rest of the output. */
osp_status cli_packer_end(cli_packer *packer) OSP_MUST_CHECK;

void cli_packer_free(cli_packer *packer);

#endif /* OSPROFILER_CLI_PAGE_PACK_H */
