/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c
 *	  Signed contexts: verifying, signing, and the texts of verdicts.
 *
 * The signature is checked before anything is decoded, so that only a sender
 * who knows a key reaches the JSON reader (context_json.c). All memory is on
 * the stack.
 */
#include "osprofiler/context.h"

#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/strip.h"
#include "context/context_json.h"
#include "context/keyring.h"
#include "json/json_escape.h"

#define BASE_MEMBER    "{\"base_id\": \""
#define PARENT_MEMBER  "\", \"parent_id\": \""
#define CONTEXT_END    "\"}"
#define ID_ESCAPED_MAX (OSP_ID_MAX * OSP__JSON_ESCAPE_GROWTH)

/* Length of the JSON before the parent's id when both ids are UUIDs. It is a multiple
 * of 3, so its base64 text can be made once and the rest appended to it. */
#define BEGIN_LEN \
	(sizeof(BASE_MEMBER) - 1 + OSP_UUID_TEXT_LEN + sizeof(PARENT_MEMBER) - 1)
_Static_assert(BEGIN_LEN % 3 == 0 && BEGIN_LEN / 3 * 4 == OSP__SIGNED_BEGIN_LEN,
			   "base64 can be put together of two parts");

/* Size of the longest JSON that is signed. Its base64 text fits the limit of
 * readers. */
#define JSON_MAX \
	(sizeof(BASE_MEMBER PARENT_MEMBER CONTEXT_END) + 2 * ID_ESCAPED_MAX)
_Static_assert(OSP__BASE64_ENCODED(JSON_MAX) <= OSP_TRACE_INFO_MAX,
			   "what is signed must be accepted");

static const struct
{
	const char *name;
	const char *text;
} verdicts[] = {
#define VERDICT_TEXTS(code, name, text) {name, text},
	OSP_VERDICT_LIST(VERDICT_TEXTS)
#undef VERDICT_TEXTS
};

const char *
osp_verdict_name(osp_verdict verdict)
{
	return (unsigned) verdict < OSP_VERDICT_COUNT ? verdicts[verdict].name
												  : "unknown";
}

const char *
osp_verdict_text(osp_verdict verdict)
{
	return (unsigned) verdict < OSP_VERDICT_COUNT ? verdicts[verdict].text
												  : "unknown verdict";
}

/* Finds the key that made the signature hmac of info; false if none did. */
static bool
find_key(osp_keyring *ring, osp_str info, osp_str hmac, size_t *key)
{
	size_t count = osp_keyring_count(ring);
	size_t i;

	if (hmac.len != OSP_HMAC_HEX_LEN)
		return false;
	for (i = 0; i < count; i++)
	{
		char ours[OSP_HMAC_HEX_LEN];

		if (osp__keyring_sign(ring, i, info, ours) &&
			CRYPTO_memcmp(ours, hmac.ptr, sizeof(ours)) == 0)
		{
			*key = i;
			return true;
		}
	}
	return false;
}

osp_verdict
osp_context_verify(osp_keyring *ring, osp_str trace_info, osp_str trace_hmac,
				   osp_context *out)
{
	osp_context context;
	osp_verdict verdict;
	osp_str hmac;

	if (trace_info.len == 0 && trace_hmac.len == 0)
		return OSP_CTX_NONE;
	if (osp_keyring_count(ring) == 0)
		return OSP_CTX_NO_KEYS;
	if (trace_info.len > OSP_TRACE_INFO_MAX ||
		trace_hmac.len > OSP_TRACE_HMAC_MAX)
		return OSP_CTX_TOO_LONG;
	hmac = osp__strip(trace_hmac);
	if (trace_info.len == 0 || hmac.len == 0)
		return OSP_CTX_UNSIGNED;
	if (!find_key(ring, trace_info, hmac, &context.key))
		return OSP_CTX_BAD_SIGNATURE;
	verdict = osp__context_read(trace_info, &context);
	if (verdict == OSP_CTX_ACCEPTED)
		*out = context;
	return verdict;
}

static char *
append_id(char *p, const osp_id *id)
{
	char storage[OSP_ID_MAX + 1];
	size_t taken;

	return p + osp__json_escape(
				   osp_id_text(id, storage), p, ID_ESCAPED_MAX, &taken);
}

/* Encodes ids that may be any text as JSON and then base64. Returns the length. */
static size_t
encode_ids(const osp_id *base_id, const osp_id *parent_id, char *out)
{
	char json[JSON_MAX];
	char *p = json;

	p = mempcpy(p, BASE_MEMBER, sizeof(BASE_MEMBER) - 1);
	p = append_id(p, base_id);
	p = mempcpy(p, PARENT_MEMBER, sizeof(PARENT_MEMBER) - 1);
	p = append_id(p, parent_id);
	p = mempcpy(p, CONTEXT_END, sizeof(CONTEXT_END) - 1);
	return osp__base64_encode(osp_str_n(json, (size_t) (p - json)), out);
}

/*
 * Encodes two UUIDs like encode_ids, but faster: nothing needs escaping, and the text
 * before the parent is kept from the last statement if the trace is the same.
 */
static size_t
encode_uuids(osp__signed_begin *begin, const osp_id *base_id,
			 const osp_id *parent_id, char *out)
{
	char json[BEGIN_LEN + 1];
	osp_uuid parent;
	char *p = json;

	if (!begin->known ||
		memcmp(&begin->base_id, base_id->bytes, sizeof(osp_uuid)) != 0)
	{
		memcpy(&begin->base_id, base_id->bytes, sizeof(osp_uuid));
		p = mempcpy(p, BASE_MEMBER, sizeof(BASE_MEMBER) - 1);
		osp_uuid_text(&begin->base_id, p);
		p += OSP_UUID_TEXT_LEN;
		memcpy(p, PARENT_MEMBER, sizeof(PARENT_MEMBER) - 1);
		(void) osp__base64_encode(osp_str_n(json, BEGIN_LEN), begin->text);
		begin->known = true;
	}
	memcpy(out, begin->text, OSP__SIGNED_BEGIN_LEN);
	memcpy(&parent, parent_id->bytes, sizeof(parent));
	osp_uuid_text(&parent, json);
	memcpy(json + OSP_UUID_TEXT_LEN, CONTEXT_END, sizeof(CONTEXT_END) - 1);
	return OSP__SIGNED_BEGIN_LEN +
		   osp__base64_encode(
			   osp_str_n(json, OSP_UUID_TEXT_LEN + sizeof(CONTEXT_END) - 1),
			   out + OSP__SIGNED_BEGIN_LEN);
}

osp_status
osp_context_sign(osp_keyring *ring, size_t key, const osp_id *base_id,
				 const osp_id *parent_id, osp_headers *out)
{
	out->info_len = 0;
	out->trace_info[0] = '\0';
	out->trace_hmac[0] = '\0';
	if (key >= osp_keyring_count(ring) || base_id->len == 0 ||
		parent_id->len == 0)
		return OSP_EINVAL;

	if (base_id->is_uuid && parent_id->is_uuid)
		out->info_len = encode_uuids(
			osp__keyring_signed(ring), base_id, parent_id, out->trace_info);
	else
		out->info_len = encode_ids(base_id, parent_id, out->trace_info);
	if (!osp__keyring_sign(ring,
						   key,
						   osp_str_n(out->trace_info, out->info_len),
						   out->trace_hmac))
	{
		out->info_len = 0;
		out->trace_info[0] = '\0';
		return OSP_EIO;
	}
	out->trace_info[out->info_len] = '\0';
	out->trace_hmac[OSP_HMAC_HEX_LEN] = '\0';
	return OSP_OK;
}
