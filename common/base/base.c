/* SPDX-License-Identifier: Apache-2.0
 *
 * base.c
 *	  Texts of results, errors for people, the default allocator.
 */
#include "osprofiler/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *
osp_status_text(osp_status status)
{
	static const char *const texts[] = {
#define OSP_STATUS_TEXT(code, text) text,
		OSP_STATUS_LIST(OSP_STATUS_TEXT)
#undef OSP_STATUS_TEXT
	};

	if ((size_t) status >= sizeof(texts) / sizeof(texts[0]))
		return "unknown result";
	return texts[status];
}

osp_status
osp_error_set(osp_error *err, osp_status code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	err->code = code;
	va_start(args, fmt);
	(void) vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	return code;
}

static void *
default_alloc(void *ctx, size_t size)
{
	(void) ctx;
	return malloc(size);
}

static void *
default_realloc(void *ctx, void *ptr, size_t size)
{
	(void) ctx;
	return realloc(ptr, size);
}

static void
default_free(void *ctx, void *ptr)
{
	int saved = errno;

	(void) ctx;
	free(ptr);
	errno = saved;
}

const osp_allocator osp_allocator_default = {
	default_alloc, default_realloc, default_free, NULL};

void *
osp_calloc(const osp_allocator *alc, size_t count, size_t size)
{
	void *ptr;

	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	ptr = osp_alloc(alc, count * size);
	if (ptr != NULL)
		memset(ptr, 0, count * size);
	return ptr;
}

char *
osp_strdup(const osp_allocator *alc, osp_str text)
{
	char *copy = osp_alloc(alc, text.len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	return copy;
}

size_t
osp_utf8_prefix(osp_str text, size_t max)
{
	size_t end = max;

	if (text.len <= max)
		return text.len;

	/* Step back over continuation bytes, of which a character has up to 3. */
	while (end > 0 && max - end < 3 &&
		   ((unsigned char) text.ptr[end] & 0xc0) == 0x80)
		end--;
	return ((unsigned char) text.ptr[end] & 0xc0) == 0x80 ? max : end;
}
