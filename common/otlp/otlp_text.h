/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_text.h
 *	  Texts as attributes. Protobuf's texts are UTF-8, and a collector refuses a
 *	  request that holds any other text.
 */
#ifndef OSP_OTLP_TEXT_H
#define OSP_OTLP_TEXT_H

#include "osprofiler/buf.h"

bool otlp_is_utf8(osp_str text);

/* Appends an attribute; bytes of the text that are not UTF-8 become U+FFFD. */
void otlp_put_text(osp_buf *out, unsigned field, osp_str key, osp_str text);

/* Appends a field that is a text; its bytes that are not UTF-8 become U+FFFD. */
void otlp_put_text_field(osp_buf *out, unsigned field, osp_str text);

#endif /* OSP_OTLP_TEXT_H */
