/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_context.c
 *	  Signed contexts: the input is the JSON of a context, or its base64 text. It is
 *	  signed as it is.
 *
 * Properties: without a valid signature no context is accepted. An accepted context is
 * as osprofiler/context.h describes it. If its ids are signed, that context is accepted
 * with the same ids, and signing them again gives the same bytes.
 */
#include "fuzz.h"

#include "base/base64.h"
#include "context/context_json.h"
#include "context/keyring.h"

static osp_keyring *ring;

int LLVMFuzzerInitialize(int *argc, char ***argv);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) argc;
	(void) argv;
	REQUIRE(osp_keyring_new(&osp_allocator_default,
							OSP_STR("old key,new key"),
							&ring,
							NULL) == OSP_OK);
	return 0;
}

static void
check_id(const osp_id *id)
{
	char storage[OSP_ID_MAX + 1];
	osp_str text = osp_id_text(id, storage);
	osp_id again;
	size_t i;

	REQUIRE(text.len >= 1 && text.len <= OSP_ID_MAX);
	for (i = 0; i < text.len; i++)
		REQUIRE((unsigned char) text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
	REQUIRE(osp_id_set(&again, text) && osp_id_eq(&again, id));
}

/* An accepted context that is signed again is accepted as the same one. */
static void
check_onward(const osp_context *context)
{
	osp_headers first;
	osp_headers second;
	osp_context again;

	REQUIRE(osp_context_sign(
				ring, 0, &context->base_id, &context->parent_id, &first) ==
			OSP_OK);
	REQUIRE(strlen(first.trace_info) == first.info_len);
	REQUIRE(osp_context_verify(ring,
							   osp_str_of(first.trace_info),
							   osp_str_of(first.trace_hmac),
							   &again) == OSP_CTX_ACCEPTED);
	REQUIRE(again.key == 0);
	REQUIRE(osp_id_eq(&again.base_id, &context->base_id));
	REQUIRE(osp_id_eq(&again.parent_id, &context->parent_id));
	REQUIRE(osp_context_sign(
				ring, 0, &again.base_id, &again.parent_id, &second) == OSP_OK);
	REQUIRE(strcmp(first.trace_info, second.trace_info) == 0);
	REQUIRE(strcmp(first.trace_hmac, second.trace_hmac) == 0);
}

static void
check_info(osp_str info)
{
	char hmac[OSP_HMAC_HEX_LEN];
	osp_context context;
	osp_verdict verdict;

	if (info.len == 0)
		return;
	REQUIRE(osp__keyring_sign(ring, 1, info, hmac));
	verdict =
		osp_context_verify(ring, info, osp_str_n(hmac, sizeof(hmac)), &context);
	REQUIRE((verdict == OSP_CTX_TOO_LONG) == (info.len > OSP_TRACE_INFO_MAX));
	REQUIRE(verdict == OSP_CTX_ACCEPTED || verdict == OSP_CTX_TOO_LONG ||
			verdict == OSP_CTX_BAD_ENCODING || verdict == OSP_CTX_BAD_MEMBERS ||
			verdict == OSP_CTX_BAD_ID);
	if (verdict == OSP_CTX_ACCEPTED)
	{
		REQUIRE(context.key == 1);
		check_id(&context.base_id);
		check_id(&context.parent_id);
		check_onward(&context);
	}
	hmac[info.len % sizeof(hmac)] ^= 1;
	REQUIRE(osp_context_verify(
				ring, info, osp_str_n(hmac, sizeof(hmac)), &context) !=
			OSP_CTX_ACCEPTED);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	osp_str text = osp_str_n(copy, size);
	char *encoded = malloc(OSP__BASE64_ENCODED(size) + 1);
	char *decoded = malloc(OSP__BASE64_DECODED(OSP__BASE64_ENCODED(size)) + 1);
	size_t encoded_len;
	size_t len;

	REQUIRE(encoded != NULL && decoded != NULL);
	encoded_len = osp__base64_encode(text, encoded);
	REQUIRE(encoded_len == OSP__BASE64_ENCODED(size));
	REQUIRE(osp__base64_decode(osp_str_n(encoded, encoded_len), decoded, &len));
	REQUIRE(len == size && memcmp(decoded, copy, size) == 0);

	check_info(osp_str_n(encoded, encoded_len));
	check_info(text);
	free(decoded);
	free(encoded);
	free(copy);
	return 0;
}
