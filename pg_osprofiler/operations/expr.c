/* SPDX-License-Identifier: Apache-2.0
 *
 * expr.c
 *	  Conditions of plan nodes as text.
 *
 * PostgreSQL writes expressions with the help of the catalogs, which takes locks and
 * may raise errors. Here nothing is looked up: names of columns come from the range
 * table, names of operators and functions from the server's table of built-in
 * functions. Other functions are shown by their numbers, and rare kinds of expressions
 * by a word. Constants may be values of parameters, so they are shown only if
 * parameters are, if texts are recorded in full, and if neither the statement nor a
 * statement around it may hold a secret.
 */
#include "pgosp_execution.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "pgosp_node.h"
#include "utils/fmgrtab.h"

/* The largest number of nested expressions, and of plans through which a column
 * is followed. */
#define DEPTH_MAX 40

typedef struct pgospText
{
	char *pos;
	char *limit;
	int depth;
	bool hides; /* constants are not shown */
} pgospText;

static void put_expr(pgospText *text, const PlanState *node, const Node *expr);

static void
put_n(pgospText *text, const char *string, size_t len)
{
	size_t room = (size_t) (text->limit - text->pos);

	memcpy(text->pos, string, Min(len, room));
	text->pos += Min(len, room);
}

static void
put(pgospText *text, const char *string)
{
	put_n(text, string, strlen(string));
}

static void
put_number(pgospText *text, const char *before, unsigned number)
{
	char digits[12];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char) ('0' + number % 10);
	while ((number /= 10) > 0);
	put(text, before);
	put_n(text, digits + first, sizeof(digits) - first);
}

/* The name in C of a built-in function; NULL: it is not built in. */
static const char *
builtin_name(Oid function)
{
	uint16 index;

	if (function > fmgr_last_builtin_oid)
		return NULL;
	index = fmgr_builtin_oid_index[function];
	return index != InvalidOidBuiltinMapping ? fmgr_builtins[index].funcName
											 : NULL;
}

static bool
ends_with(osp_str name, osp_str end)
{
	return name.len >= end.len &&
		   memcmp(name.ptr + name.len - end.len, end.ptr, end.len) == 0;
}

/*
 * The operator that a function implements, as far as its name shows. Some names
 * are misleading, so they are left out.
 */
static const char *
operator_of(const char *function)
{
	static const char *const others[] = {"point_",
										 "pattern",
										 "image",
										 "network_",
										 "path_n",
										 "tinterval",
										 /* no index has the order of these */
										 "box_",
										 "circle_",
										 "lseg_",
										 "line_",
										 "xideq",
										 "xidneq",
										 "cideq"};
	static const struct
	{
		osp_str end;
		const char *symbol;
	} symbols[] = {
		{{"icregexeq", 9}, "~*"}, {{"icregexne", 9}, "!~*"},
		{{"regexeq", 7}, "~"},    {{"regexne", 7}, "!~"},
		{{"icnlike", 7}, "!~~*"}, {{"iclike", 6}, "~~*"},
		{{"nlike", 5}, "!~~"},    {{"like", 4}, "~~"},
		{{"eq", 2}, "="},         {{"ne", 2}, "<>"},
		{{"le", 2}, "<="},        {{"lt", 2}, "<"},
		{{"ge", 2}, ">="},        {{"gt", 2}, ">"},
		{{"pl", 2}, "+"},         {{"_add", 4}, "+"},
		{{"mi", 2}, "-"},         {{"_sub", 4}, "-"},
		{{"mul", 3}, "*"},        {{"div", 3}, "/"},
		{{"mod", 3}, "%"},        {{"textcat", 7}, "||"},
	};
	osp_str name = osp_str_of(function);
	size_t i;

	for (i = 0; i < lengthof(others); i++)
		if (strstr(function, others[i]) != NULL)
			return NULL;
	for (i = 0; i < lengthof(symbols); i++)
		if (ends_with(name, symbols[i].end))
			return symbols[i].symbol;
	return NULL;
}

static void
put_list(pgospText *text, const PlanState *node, const List *list,
		 const char *between)
{
	const ListCell *cell;
	bool first = true;

	foreach (cell, list)
	{
		if (text->pos == text->limit)
			break;
		if (!first)
			put(text, between);
		first = false;
		put_expr(text, node, lfirst(cell));
	}
}

static void
put_function(pgospText *text, const PlanState *node, Oid function,
			 const List *args)
{
	const char *name = builtin_name(function);

	if (name != NULL)
		put(text, name);
	else
		put_number(text, "function ", function);
	put(text, "(");
	put_list(text, node, args, ", ");
	put(text, ")");
}

/* Puts an operator with its arguments. any: "ANY (" or "ALL (" for a comparison with
 * the elements of an array, else NULL. */
static void
put_operator(pgospText *text, const PlanState *node, Oid function,
			 const List *args, const char *any)
{
	const char *name = builtin_name(function);
	const char *symbol = name != NULL ? operator_of(name) : NULL;

	if (symbol == NULL || list_length(args) != 2)
	{
		put_function(text, node, function, args);
		return;
	}
	put(text, "(");
	put_expr(text, node, linitial(args));
	put(text, " ");
	put(text, symbol);
	put(text, " ");
	if (any != NULL)
		put(text, any);
	put_expr(text, node, lsecond(args));
	put(text, any != NULL ? "))" : ")");
}

/* Puts a string literal of SQL. */
static void
put_quoted(pgospText *text, osp_str value)
{
	size_t i;

	put(text, "'");
	for (i = 0; i < value.len && text->pos < text->limit; i++)
	{
		if (value.ptr[i] == '\'')
			put(text, "'");
		put_n(text, value.ptr + i, 1);
	}
	put(text, "'");
}

static void
put_const(pgospText *text, const Const *constant)
{
	char space[PGOSP_VALUE_MAX];
	osp_str value;

	if (constant->constisnull)
		put(text, "NULL");
	else if (text->hides)
		put(text, "?");
	else if (!pgosp_value_text(constant->consttype,
							   constant->constvalue,
							   space,
							   sizeof(space),
							   &value))
		put(text, "?");
	else
	{
		put_quoted(text, value);
	}
}

static const char *
system_column(int attno)
{
	switch (attno)
	{
		case SelfItemPointerAttributeNumber:
			return "ctid";
		case TableOidAttributeNumber:
			return "tableoid";
		case InvalidAttrNumber:
			return "*";
		default:
			return "?";
	}
}

/* Puts a column of a relation in the query, with the relation's alias if the query has
 * several. */
static void
put_column(pgospText *text, const PlanState *node, int varno, int attno)
{
	const List *table = node->state->es_range_table;
	const RangeTblEntry *entry;
	char space[PGOSP_SQL_NAME_MAX];

	if (varno < 1 || varno > list_length(table))
	{
		put(text, "?");
		return;
	}
	entry = list_nth(table, varno - 1);
	if (entry->eref == NULL)
	{
		put(text, "?");
		return;
	}
	if (list_length(table) > 1)
	{
		put(text, pgosp_sql_name(entry->eref->aliasname, space));
		put(text, ".");
	}
	if (attno > 0 && attno <= list_length(entry->eref->colnames))
		put(text,
			pgosp_sql_name(strVal(list_nth(entry->eref->colnames, attno - 1)),
						   space));
	else
		put(text, system_column(attno));
}

/* The list of columns in which a special column number counts. */
static const List *
target_list(const PlanState *node, int varno, const PlanState **child)
{
	if (varno == INDEX_VAR)
	{
		*child = node;
		return IsA(node->plan, IndexOnlyScan)
				   ? ((const IndexOnlyScan *) node->plan)->indextlist
				   : NIL;
	}
	*child = varno == OUTER_VAR ? pgosp_node_outer(node) : innerPlanState(node);
	return *child != NULL ? (*child)->plan->targetlist : NIL;
}

static void
put_var(pgospText *text, const PlanState *node, const Var *var)
{
	const PlanState *child;
	const List *targets;

	if (!IS_SPECIAL_VARNO(var->varno))
	{
		put_column(text, node, var->varno, var->varattno);
		return;
	}
	targets = target_list(node, var->varno, &child);
	if (var->varattno < 1 || var->varattno > list_length(targets))
		put(text, "?");
	else
		put_expr(text,
				 child,
				 (const Node *) ((const TargetEntry *) list_nth(
									 targets, var->varattno - 1))
					 ->expr);
}

static void
put_param(pgospText *text, const Param *param)
{
	put_number(
		text, param->paramkind == PARAM_EXTERN ? "$" : "$exec", param->paramid);
}

static void
put_bool(pgospText *text, const PlanState *node, const BoolExpr *expr)
{
	put(text, "(");
	if (expr->boolop == NOT_EXPR)
		put(text, "NOT ");
	put_list(
		text, node, expr->args, expr->boolop == OR_EXPR ? " OR " : " AND ");
	put(text, ")");
}

static void
put_array(pgospText *text, const PlanState *node, const ArrayExpr *expr)
{
	put(text, "ARRAY[");
	put_list(text, node, expr->elements, ", ");
	put(text, "]");
}

static void
put_boolean_test(pgospText *text, const PlanState *node,
				 const BooleanTest *test)
{
	static const char *const tests[] = {" IS TRUE)",
										" IS NOT TRUE)",
										" IS FALSE)",
										" IS NOT FALSE)",
										" IS UNKNOWN)",
										" IS NOT UNKNOWN)"};

	put(text, "(");
	put_expr(text, node, (const Node *) test->arg);
	put(text, tests[test->booltesttype]);
}

static void
put_null_test(pgospText *text, const PlanState *node, const NullTest *test)
{
	put(text, "(");
	put_expr(text, node, (const Node *) test->arg);
	put(text, test->nulltesttype == IS_NULL ? " IS NULL)" : " IS NOT NULL)");
}

/* The name of a type to which conditions are often converted. */
static const char *
type_name(Oid type)
{
	static const struct
	{
		Oid type;
		const char *name;
	} types[] = {
		{BOOLOID, "boolean"},
		{INT2OID, "smallint"},
		{INT4OID, "integer"},
		{INT8OID, "bigint"},
		{FLOAT4OID, "real"},
		{FLOAT8OID, "double precision"},
		{NUMERICOID, "numeric"},
		{TEXTOID, "text"},
		{VARCHAROID, "character varying"},
		{BPCHAROID, "character"},
		{DATEOID, "date"},
		{TIMEOID, "time"},
		{TIMESTAMPOID, "timestamp"},
		{TIMESTAMPTZOID, "timestamptz"},
		{INTERVALOID, "interval"},
		{UUIDOID, "uuid"},
		{JSONBOID, "jsonb"},
	};
	size_t i;

	for (i = 0; i < lengthof(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "another_type";
}

/* Puts "(a)::text": an index on a cannot serve a condition on that. */
static void
put_cast(pgospText *text, const PlanState *node, const Node *arg, Oid type)
{
	put(text, "(");
	put_expr(text, node, arg);
	put(text, ")::");
	put(text, type_name(type));
}

/* Is it a call rather than a cast? Calls in SQL's own syntax, such as trim(BOTH FROM
 * a), are calls, too. */
static bool
is_call(const FuncExpr *call)
{
	return call->funcformat == COERCE_EXPLICIT_CALL ||
		   PGOSP_IS_SQL_SYNTAX(call) || list_length(call->args) == 0;
}

static void
put_call(pgospText *text, const PlanState *node, const FuncExpr *call)
{
	if (is_call(call))
		put_function(text, node, call->funcid, call->args);
	else if (call->funcformat != COERCE_EXPLICIT_CAST &&
			 exprType(linitial(call->args)) == call->funcresulttype)
		put_expr(
			text, node, linitial(call->args)); /* only its length changes */
	else
		put_cast(text, node, linitial(call->args), call->funcresulttype);
}

/* Puts "SubPlan 1", without what some versions append to it. */
static void
put_subplan(pgospText *text, const SubPlan *subplan)
{
	put(text, "(");
	put(text, subplan->plan_name != NULL ? subplan->plan_name : "SubPlan");
	put(text, ")");
}

static void
put_node(pgospText *text, const PlanState *node, const Node *expr)
{
	switch (nodeTag(expr))
	{
		case T_Var:
			put_var(text, node, (const Var *) expr);
			break;
		case T_Const:
			put_const(text, (const Const *) expr);
			break;
		case T_Param:
			put_param(text, (const Param *) expr);
			break;
		case T_OpExpr:
			put_operator(text,
						 node,
						 ((const OpExpr *) expr)->opfuncid,
						 ((const OpExpr *) expr)->args,
						 NULL);
			break;
		case T_ScalarArrayOpExpr:
			put_operator(text,
						 node,
						 ((const ScalarArrayOpExpr *) expr)->opfuncid,
						 ((const ScalarArrayOpExpr *) expr)->args,
						 ((const ScalarArrayOpExpr *) expr)->useOr ? "ANY ("
																   : "ALL (");
			break;
		case T_FuncExpr:
			put_call(text, node, (const FuncExpr *) expr);
			break;
		case T_BoolExpr:
			put_bool(text, node, (const BoolExpr *) expr);
			break;
		case T_NullTest:
			put_null_test(text, node, (const NullTest *) expr);
			break;
		case T_BooleanTest:
			put_boolean_test(text, node, (const BooleanTest *) expr);
			break;
		case T_ArrayExpr:
			put_array(text, node, (const ArrayExpr *) expr);
			break;
		case T_RelabelType:
			put_expr(
				text, node, (const Node *) ((const RelabelType *) expr)->arg);
			break;
		case T_CoerceViaIO:
			put_cast(text,
					 node,
					 (const Node *) ((const CoerceViaIO *) expr)->arg,
					 ((const CoerceViaIO *) expr)->resulttype);
			break;
		case T_SubPlan:
			put_subplan(text, (const SubPlan *) expr);
			break;
		case T_Aggref:
			put(text, "<aggregate>");
			break;
		case T_CaseExpr:
			put(text, "<case>");
			break;
		default:
			put(text, "<expression>");
			break;
	}
}

static void
put_expr(pgospText *text, const PlanState *node, const Node *expr)
{
	if (expr == NULL || text->depth >= DEPTH_MAX || text->pos == text->limit)
	{
		put(text, "...");
		return;
	}
	text->depth++;
	put_node(text, node, expr);
	text->depth--;
}

static osp_str
in_utf8(const pgospText *text, const char *space)
{
	osp_str bytes = osp_str_n(space, (size_t) (text->pos - space));

	return pgosp_text_utf8(bytes, bytes.len);
}

/* Are constants hidden? Without nodes it is not known whether the statement may hold a
 * secret. */
static bool
hides_constants(const PlanState *node)
{
	const pgospExecution *execution = pgosp_execution_of(node->state);

	return pgosp_hide_params || pgosp_statement_text != OSP_STATEMENT_FULL ||
		   execution->nodes == NULL || execution->statement.point.masked;
}

osp_str
pgosp_expr_text(const PlanState *node, const List *list, const char *between,
				char *space, size_t size)
{
	pgospText text = {space, space + size - 3, 0, hides_constants(node)};

	put_list(&text, node, list, between);
	if (text.pos == text.limit)
	{
		text.limit += 3;
		put(&text, "...");
	}
	return in_utf8(&text, space);
}

/* The node whose columns a key counts: sorts count their own columns, groupings those
 * of their input. */
static const PlanState *
owner_of_keys(const PlanState *node)
{
	const PlanState *outer = pgosp_node_outer(node);

	if (IsA(node->plan, Sort) || IsA(node->plan, IncrementalSort))
		return node;
	return outer != NULL ? outer : node;
}

osp_str
pgosp_keys_text(const PlanState *node, int count, const AttrNumber *columns,
				char *space, size_t size)
{
	const PlanState *owner = owner_of_keys(node);
	const List *targets = owner->plan->targetlist;
	pgospText text = {space, space + size, 0, hides_constants(node)};
	int i;

	for (i = 0; i < count && text.pos < text.limit; i++)
	{
		if (i > 0)
			put(&text, ", ");
		if (columns[i] >= 1 && columns[i] <= list_length(targets))
			put_expr(&text,
					 owner,
					 (const Node *) ((const TargetEntry *) list_nth(
										 targets, columns[i] - 1))
						 ->expr);
	}
	return in_utf8(&text, space);
}
