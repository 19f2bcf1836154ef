/* SPDX-License-Identifier: Apache-2.0
 *
 * params.c
 *	  Values of a statement's parameters.
 *
 * A type's output function may raise errors, allocate memory and read catalogs.
 * So values of built-in types that need none of that are written here, directly
 * into the record; for other types only the name of the type is recorded.
 * Values stored out of line (TOAST) are not fetched. Variables of PL/pgSQL are
 * not parameters, because they would have to be computed. numeric_out allocates
 * memory, but it is only called for numbers so short that the memory for errors
 * is enough.
 */
#include "pgosp.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define PARAMS_MAX 32 /* parameters recorded of one statement */
#define VALUE_MAX  PGOSP_VALUE_MAX
#define PARAMS_SUM 6144 /* bytes of all values */

#define NUMERIC_MAX 256 /* bytes of a number, less than VALUE_MAX / 4 digits */

static osp_str
decimal(char *space, size_t size, int64 value)
{
	return osp_str_n(space,
					 (size_t) snprintf(space, size, INT64_FORMAT, value));
}

static osp_str
uuid_text(char *space, const pg_uuid_t *uuid)
{
	osp_uuid bytes;

	memcpy(bytes.bytes, uuid->data, sizeof(bytes.bytes));
	osp_uuid_text(&bytes, space);
	return osp_str_n(space, OSP_UUID_TEXT_LEN);
}

/* The characters of a text; false: they are compressed or stored elsewhere. */
static bool
text_value(Datum value, osp_str *out)
{
	const struct varlena *text =
		(const struct varlena *) DatumGetPointer(value);

	if (VARATT_IS_EXTERNAL(text) || VARATT_IS_COMPRESSED(text))
		return false;
	*out = pgosp_text_utf8(
		osp_str_n(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)), VALUE_MAX);
	return true;
}

/* The digits of a number; false: it is too long. */
static bool
numeric_value(Datum value, char *space, size_t size, osp_str *out)
{
	const struct varlena *number =
		(const struct varlena *) DatumGetPointer(value);
	MemoryContext memory = pgosp_error_memory();
	MemoryContext old;

	if (memory == NULL || VARATT_IS_EXTERNAL(number) ||
		VARATT_IS_COMPRESSED(number) || VARSIZE_ANY(number) > NUMERIC_MAX)
		return false;
	old = MemoryContextSwitchTo(memory);
	strlcpy(
		space, DatumGetCString(DirectFunctionCall1(numeric_out, value)), size);
	MemoryContextSwitchTo(old);
	MemoryContextReset(memory);
	*out = osp_str_of(space);
	return true;
}

/* The name of a built-in type whose value was not written; NULL: it is another type. */
static const char *
type_name(Oid type)
{
	static const struct
	{
		Oid type;
		const char *name;
	} names[] = {
		{BYTEAOID, "bytea"},
		{JSONBOID, "jsonb"},
		{NUMERICOID, "numeric"},
		{INTERVALOID, "interval"},
		{TIMEOID, "time"},
		{TIMETZOID, "timetz"},
		{INETOID, "inet"},
		{CIDROID, "cidr"},
		{BITOID, "bit"},
		{VARBITOID, "varbit"},
		{TEXTOID, "text"},
		{VARCHAROID, "varchar"},
		{BPCHAROID, "char"},
		{JSONOID, "json"},
		{XMLOID, "xml"},
		{BOOLARRAYOID, "bool[]"},
		{INT2ARRAYOID, "int2[]"},
		{INT4ARRAYOID, "int4[]"},
		{INT8ARRAYOID, "int8[]"},
		{TEXTARRAYOID, "text[]"},
		{VARCHARARRAYOID, "varchar[]"},
		{UUIDARRAYOID, "uuid[]"},
	};
	size_t i;

	for (i = 0; i < lengthof(names); i++)
		if (names[i].type == type)
			return names[i].name;
	return NULL;
}

bool
pgosp_value_text(Oid type, Datum value, char *space, size_t size, osp_str *out)
{
	switch (type)
	{
		case BOOLOID:
			*out = DatumGetBool(value) ? OSP_STR("true") : OSP_STR("false");
			return true;
		case INT2OID:
			*out = decimal(space, size, DatumGetInt16(value));
			return true;
		case INT4OID:
			*out = decimal(space, size, DatumGetInt32(value));
			return true;
		case INT8OID:
			*out = decimal(space, size, DatumGetInt64(value));
			return true;
		case OIDOID:
			*out = decimal(space, size, (int64) DatumGetObjectId(value));
			return true;
		case FLOAT4OID:
			*out = osp_str_n(space,
							 (size_t) float_to_shortest_decimal_buf(
								 DatumGetFloat4(value), space));
			return true;
		case FLOAT8OID:
			*out = osp_str_n(space,
							 (size_t) double_to_shortest_decimal_buf(
								 DatumGetFloat8(value), space));
			return true;
		case UUIDOID:
			*out = uuid_text(space, DatumGetUUIDP(value));
			return true;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*out = osp_str_of(JsonEncodeDateTime(space, value, type, NULL));
			return true;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case XMLOID:
			return text_value(value, out);
		case NUMERICOID:
			return numeric_value(value, space, size, out);
		case NAMEOID:
			*out = pgosp_text_utf8(osp_str_of(NameStr(*DatumGetName(value))),
								   NAMEDATALEN);
			return true;
		default:
			return false;
	}
}

static void
put_param(osp_writer *w, osp_str key, const ParamExternData *param)
{
	char space[VALUE_MAX];
	osp_str text;

	if (param->isnull || !OidIsValid(param->ptype))
	{
		osp_put_null(w, key);
		return;
	}
	if (!pgosp_value_text(
			param->ptype, param->value, space, sizeof(space), &text))
	{
		const char *name = type_name(param->ptype);
		int len =
			name != NULL
				? snprintf(space, sizeof(space), "(%s)", name)
				: snprintf(space, sizeof(space), "(type %u)", param->ptype);

		text = osp_str_n(space, (size_t) len);
	}
	osp_put_str(w, key, text);
}

void
pgosp_put_params(osp_writer *w, const ParamListInfoData *params)
{
	const char *begin = w->pos;
	int i;

	if (params->paramFetch != NULL || params->numParams <= 0)
		return;
	osp_put_object(w, OSP_STR("params"));
	for (i = 0;
		 i < Min(params->numParams, PARAMS_MAX) && w->pos - begin < PARAMS_SUM;
		 i++)
	{
		char key[16];
		int len = snprintf(key, sizeof(key), "%d", i + 1);

		put_param(w, osp_str_n(key, (size_t) len), &params->params[i]);
	}
	osp_put_end(w);
}
