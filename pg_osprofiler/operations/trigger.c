/* SPDX-License-Identifier: Apache-2.0
 *
 * trigger.c
 *	  Triggers and event triggers.
 *
 * Triggers with functions in a procedural language are recorded by call.c. The triggers
 * of foreign keys are built in, and the function manager's hook is not called for
 * built-in functions. But a statement keeps the functions of its triggers once they are
 * looked up, and we may look them up in advance and put our function in front of the
 * trigger's. That is done when a traced statement has started, for the tables that it
 * changes. For other triggers (of the partitions of a table, of COPY, of a check at the
 * commit) PostgreSQL makes this data at the last moment: then a foreign key has no
 * pg.trigger, but the queries that it runs are points.
 */
#include "pgosp.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define START_SIZE 3072

typedef struct pgospTriggerFacts
{
	Oid oid; /* of the trigger, or of an event trigger's function */
	const char *type;
	const char *name;
	const char *table; /* NULL: it is an event trigger */
	char table_schema[NAMEDATALEN];
	const char *timing;
	const char *level;
	const char *event;
	pgospNames function;
} pgospTriggerFacts;

static void
put_if(osp_writer *w, osp_str key, const char *value)
{
	if (value != NULL)
		pgosp_put_name(w, key, value);
}

static void
put_start(osp_writer *w, const void *what)
{
	const pgospTriggerFacts *facts = (const pgospTriggerFacts *) what;

	osp_put_object(w, OSP_STR("db"));
	osp_put_object(w, OSP_STR("trigger"));
	put_if(w, OSP_STR("type"), facts->type);
	put_if(w, OSP_STR("name"), facts->name);
	put_if(w, OSP_STR("table"), facts->table);
	if (facts->table != NULL)
		put_if(w, OSP_STR("schema"), facts->table_schema);
	put_if(w, OSP_STR("timing"), facts->timing);
	put_if(w, OSP_STR("level"), facts->level);
	put_if(w, OSP_STR("event"), facts->event);
	osp_put_object(w, OSP_STR("function"));
	put_if(w, OSP_STR("name"), facts->function.name);
	put_if(w, OSP_STR("schema"), facts->function.schema);
	osp_put_end(w);
	osp_put_end(w);
	osp_put_end(w);
}

static const char *
timing_of(TriggerEvent event)
{
	if (TRIGGER_FIRED_BEFORE(event))
		return "BEFORE";
	return TRIGGER_FIRED_AFTER(event) ? "AFTER" : "INSTEAD OF";
}

static const char *
event_of(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return "INSERT";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	return TRIGGER_FIRED_BY_UPDATE(event) ? "UPDATE" : "TRUNCATE";
}

static void
facts_of_trigger(const TriggerData *data, pgospTriggerFacts *facts)
{
	facts->oid = data->tg_trigger->tgoid;
	facts->type = "trigger";
	facts->name = data->tg_trigger->tgname;
	facts->table = RelationGetRelationName(data->tg_relation);
	pgosp_schema_name(RelationGetNamespace(data->tg_relation),
					  facts->table_schema);
	facts->timing = timing_of(data->tg_event);
	facts->level = TRIGGER_FIRED_FOR_ROW(data->tg_event) ? "ROW" : "STATEMENT";
	facts->event = event_of(data->tg_event);
}

static void
facts_of_event_trigger(const EventTriggerData *data, pgospTriggerFacts *facts)
{
	facts->oid = InvalidOid;
	facts->type = "event_trigger";
	facts->name = NULL;
	facts->table = NULL;
	facts->timing = data->event;
	facts->level = NULL;
	facts->event = GetCommandTagName(data->tag);
}

bool
pgosp_trigger_begin(FunctionCallInfo fcinfo)
{
	pgospTriggerFacts facts;

	if (CALLED_AS_TRIGGER(fcinfo))
		facts_of_trigger((const TriggerData *) fcinfo->context, &facts);
	else
		facts_of_event_trigger((const EventTriggerData *) fcinfo->context,
							   &facts);
	pgosp_call_names(fcinfo->flinfo->fn_oid, &facts.function);
	if (facts.oid == InvalidOid)
		facts.oid = fcinfo->flinfo->fn_oid;
	if (facts.name == NULL)
		facts.name = facts.function.name;
	return pgosp_call_begin(fcinfo->flinfo,
							facts.oid,
							OSP_STR("pg.trigger"),
							put_start,
							&facts,
							START_SIZE);
}

/* Opens the point of a foreign key's trigger, under the name of its constraint: the
 * trigger's own name only has numbers. */
static bool
begin_foreign_key(FunctionCallInfo fcinfo)
{
	const TriggerData *data = (const TriggerData *) fcinfo->context;
	char constraint[NAMEDATALEN];
	pgospTriggerFacts facts;
	HeapTuple tuple;

	facts_of_trigger(data, &facts);
	facts.type = "foreign_key";
	tuple = SearchSysCache1(CONSTROID,
							ObjectIdGetDatum(data->tg_trigger->tgconstraint));
	if (HeapTupleIsValid(tuple))
	{
		strlcpy(constraint,
				NameStr(((Form_pg_constraint) GETSTRUCT(tuple))->conname),
				NAMEDATALEN);
		ReleaseSysCache(tuple);
		facts.name = constraint;
	}
	pgosp_call_names(fcinfo->flinfo->fn_oid, &facts.function);
	return pgosp_call_begin(fcinfo->flinfo,
							facts.oid,
							OSP_STR("pg.trigger"),
							put_start,
							&facts,
							START_SIZE);
}

/* Called instead of a foreign key's trigger. */
static Datum
call_foreign_key(PG_FUNCTION_ARGS)
{
	Datum result = (Datum) 0;
	FmgrInfo function;
	pgospError error;

	/* The function is built in, so no catalogue is read and nothing is allocated. */
	fmgr_info(fcinfo->flinfo->fn_oid, &function);
	if (pgosp_current == NULL || !CALLED_AS_TRIGGER(fcinfo) ||
		!begin_foreign_key(fcinfo))
		return function.fn_addr(fcinfo);
	PG_TRY();
	{
		result = function.fn_addr(fcinfo);
	}
	PG_CATCH();
	{
		pgosp_error_capture(&error);
		pgosp_call_end(fcinfo->flinfo, &error);
		PG_RE_THROW();
	}
	PG_END_TRY();
	pgosp_call_end(fcinfo->flinfo, NULL);
	return result;
}

static void
prepare_relation(const ResultRelInfo *relation, MemoryContext memory)
{
	const TriggerDesc *triggers = relation->ri_TrigDesc;
	int i;

	if (triggers == NULL || relation->ri_TrigFunctions == NULL)
		return;
	for (i = 0; i < triggers->numtriggers; i++)
	{
		FmgrInfo *function = &relation->ri_TrigFunctions[i];
		Oid oid = triggers->triggers[i].tgfoid;

		if (function->fn_oid != InvalidOid ||
			RI_FKey_trigger_type(oid) == RI_TRIGGER_NONE)
			continue;
		fmgr_info_cxt(oid, function, memory);
		function->fn_addr = call_foreign_key;
	}
}

void
pgosp_trigger_prepare(const EState *estate)
{
	int i;

	for (i = 0; i < pgosp_result_relation_count(estate); i++)
		prepare_relation(pgosp_result_relation(estate, i),
						 estate->es_query_cxt);
}
