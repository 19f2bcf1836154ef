/* SPDX-License-Identifier: Apache-2.0
 *
 * report_piece.h
 *	  An output that is handed over in pieces while it is made, so that a large one is
 *	  never whole in memory. Private to the files of the report.
 */
#ifndef OSPROFILER_REPORT_PIECE_H
#define OSPROFILER_REPORT_PIECE_H

#include "osprofiler/report.h"

/* A piece is handed over when it has at least this many bytes; it always holds whole
 * operations. */
#define OSP__PIECE_SIZE 65536

typedef struct osp__piece
{
	osp_buf buf;
	osp_write_fn write;
	void *ctx;
	osp_status status; /* the first failure; nothing is handed over after it */
} osp__piece;

void osp__piece_init(osp__piece *piece, const osp_allocator *alc,
					 osp_write_fn write, void *ctx);

/* Hands over the bytes of the current piece. */
void osp__piece_flush(osp__piece *piece);

/* Hands over the piece if it has enough bytes. */
static inline void
osp__piece_step(osp__piece *piece)
{
	if (piece->buf.len >= OSP__PIECE_SIZE)
		osp__piece_flush(piece);
}

/* Hands over the rest, and frees the piece. */
osp_status osp__piece_end(osp__piece *piece) OSP_MUST_CHECK;

#endif /* OSPROFILER_REPORT_PIECE_H */
