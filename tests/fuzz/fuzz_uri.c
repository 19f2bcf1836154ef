/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_uri.c
 *	  Connection strings.
 *
 * Properties: all parts are terminated, and inside the storage. Any user and password
 * that are percent-encoded are decoded as they were. They are never shown, and neither
 * are the values of unknown options. The shown text fits into its buffer, is printable,
 * and is the same when it is cut.
 */
#include "fuzz.h"

#include "osprofiler/driver.h"

#define STORAGE_EXTRA 16

static void
check_part(osp_str part, const char *storage, size_t size)
{
	if (part.len == 0)
		return;
	REQUIRE(part.ptr >= storage && part.ptr + part.len < storage + size);
	REQUIRE(part.ptr[part.len] == '\0');
}

static void
check_parts(osp_str text)
{
	size_t size = text.len + STORAGE_EXTRA;
	char *storage = malloc(size);
	osp_error err = {OSP_OK, ""};
	osp_uri uri;

	REQUIRE(storage != NULL);
	if (osp_uri_parse(text, storage, size, &uri, &err) == OSP_OK)
	{
		REQUIRE(uri.scheme.len > 0);
		REQUIRE(uri.port <= 65535);
		REQUIRE(uri.has_password || uri.password.len == 0);
		REQUIRE(uri.path.len == 0 || uri.path.ptr[0] == '/');
		REQUIRE(memchr(uri.host.ptr, '\0', uri.host.len) == NULL);
		check_part(uri.scheme, storage, size);
		check_part(uri.user, storage, size);
		check_part(uri.password, storage, size);
		check_part(uri.host, storage, size);
		check_part(uri.path, storage, size);
		check_part(uri.query, storage, size);
	}
	else
		REQUIRE(err.code == OSP_EINVAL && err.msg[0] != '\0');
	free(storage);
}

static void
check_shown(osp_str text)
{
	size_t size = text.len * 2 + 16;
	char *whole = malloc(size);
	char *cut = malloc(size);
	size_t len;
	size_t i;

	REQUIRE(whole != NULL && cut != NULL);
	osp_connection_string_redact(text, whole, size);
	len = strlen(whole);
	for (i = 0; i < len; i++)
		REQUIRE((unsigned char) whole[i] >= ' ' && whole[i] != 0x7f);
	osp_connection_string_redact(text, cut, len / 2 + 1);
	REQUIRE(strlen(cut) == len / 2 && memcmp(cut, whole, len / 2) == 0);
	free(cut);
	free(whole);
}

/* The password is a mark that occurs in no other part, followed by the input. */
static void
check_password(osp_str secret)
{
	static const char mark[] = "hunter2";
	char *text = malloc(secret.len * 3 + 64);
	char *storage = malloc(secret.len * 3 + 64 + STORAGE_EXTRA);
	char shown[128];
	osp_uri uri;
	size_t len;
	size_t i;

	REQUIRE(text != NULL && storage != NULL);
	len = (size_t) snprintf(text, 32, "redis://me:%s", mark);
	for (i = 0; i < secret.len; i++)
		len += (size_t) snprintf(
			text + len, 4, "%%%02X", (unsigned char) secret.ptr[i]);
	len += (size_t) snprintf(text + len, 24, "@host:1/0?db=1&a=b");
	osp_connection_string_redact(osp_str_n(text, len), shown, sizeof(shown));
	REQUIRE(strcmp(shown, "redis://me:***@host:1/0?db=1&a=***") == 0);

	if (osp_uri_parse(
			osp_str_n(text, len), storage, len + STORAGE_EXTRA, &uri, NULL) ==
		OSP_OK)
	{
		REQUIRE(uri.password.len == sizeof(mark) - 1 + secret.len);
		REQUIRE(memcmp(uri.password.ptr + sizeof(mark) - 1,
					   secret.ptr,
					   secret.len) == 0);
		REQUIRE(osp_str_eq(uri.user, OSP_STR("me")));
		REQUIRE(osp_str_eq(uri.host, OSP_STR("host")) && uri.port == 1);
		REQUIRE(osp_str_eq(uri.query, OSP_STR("db=1&a=b")));
	}
	else
		REQUIRE(memchr(secret.ptr, '\0', secret.len) != NULL);
	free(storage);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str text = osp_str_n(copy, size);

	check_parts(text);
	check_shown(text);
	check_password(text);
	free(copy);
	return 0;
}
