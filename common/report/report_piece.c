/* SPDX-License-Identifier: Apache-2.0
 *
 * report_piece.c
 *	  An output that is handed over in pieces while it is made.
 */
#include "report/report_piece.h"

void
osp__piece_init(osp__piece *piece, const osp_allocator *alc, osp_write_fn write,
				void *ctx)
{
	osp_buf_init(&piece->buf, alc, SIZE_MAX / 4);
	piece->write = write;
	piece->ctx = ctx;
	piece->status = OSP_OK;
}

void
osp__piece_flush(osp__piece *piece)
{
	if (piece->status == OSP_OK)
		piece->status = osp_buf_status(&piece->buf);
	if (piece->status == OSP_OK && piece->buf.len > 0)
		piece->status = piece->write(piece->ctx, osp_buf_str(&piece->buf));
	osp_buf_reset(&piece->buf);
}

osp_status
osp__piece_end(osp__piece *piece)
{
	osp__piece_flush(piece);
	osp_buf_term(&piece->buf);
	return piece->status;
}
