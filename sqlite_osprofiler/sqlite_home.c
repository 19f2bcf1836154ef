/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_home.c
 *	  Finds, for each object of the process, the SQLite that it would call if we
 *	  were not there.
 *
 * The dynamic linker binds a name to the first definition among the objects that
 * everybody sees (the program, what is preloaded, what the program is linked
 * with) and then among those that the calling object brought along. We look up
 * the names in the same order and leave ourselves out.
 *
 * Nothing here is ever taken back: a SQLite that was found stays loaded, and an
 * entry of a table is written once and published by its last field. So readers
 * need no lock, also in a child after fork and in a constructor during dlopen.
 */
#include "sqlite_home.h"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>

#define SYSTEM_SQLITE "libsqlite3.so.0"
#define OBJECTS_MAX   64

osp_sqlite_real osp_sqlite__home;
osp_sqlite_range osp_sqlite__callers[2];

/* What we call of home ourselves, by name in sqlite3ext.h. */
static sqlite3_api_routines home_api;

static enum
{
	HOME_UNKNOWN,
	HOME_IN_WORK,
	HOME_KNOWN
} home_state = HOME_UNKNOWN;
static const void *home_base; /* where its object lies */

/* A SQLite that is not home. */
typedef struct other_sqlite
{
	struct other_sqlite *next;
	const void *base;
	osp_sqlite_real real;
} other_sqlite;

static other_sqlite *others = NULL;

/* An object that has called us; valid when real is set. */
typedef struct calling_object
{
	osp_sqlite_range range;
	const osp_sqlite_real *real;
} calling_object;

static calling_object objects[OBJECTS_MAX];
static unsigned object_count = 0;

/* --- the table of a SQLite's functions -------------------------------------- */

typedef struct function_entry
{
	const char *name;
	size_t offset;
} function_entry;

#define REAL(name)                                        \
	{                                                     \
		"sqlite3_" #name, offsetof(osp_sqlite_real, name) \
	}

static const function_entry wrapped[] = {
	REAL(step),
	REAL(reset),
	REAL(finalize),
	REAL(exec),
	REAL(prepare),
	REAL(prepare_v2),
	REAL(prepare_v3),
	REAL(prepare16),
	REAL(prepare16_v2),
	REAL(prepare16_v3),
	REAL(trace_v2),
	REAL(trace),
	REAL(profile),
	REAL(open),
	REAL(open_v2),
	REAL(open16),
	REAL(config),
	REAL(initialize),
	REAL(shutdown),
	REAL(auto_extension),
	REAL(reset_auto_extension),
	REAL(busy_handler),
	REAL(wal_checkpoint_v2),
};

#define API(name)                                              \
	{                                                          \
		"sqlite3_" #name, offsetof(sqlite3_api_routines, name) \
	}

static const function_entry called[] = {
	API(changes),
	API(bind_parameter_count),
	API(column_count),
	API(create_function_v2),
	API(data_count),
	API(db_filename),
	API(db_handle),
	API(db_mutex),
	API(errmsg),
	API(errstr),
	API(expanded_sql),
	API(free),
	API(get_autocommit),
	API(extended_errcode),
	API(libversion_number),
	API(mprintf),
	API(mutex_enter),
	API(mutex_leave),
	API(mutex_try),
	API(result_error_nomem),
	API(result_int),
	API(result_text),
	API(sql),
	API(stmt_busy),
	API(stmt_isexplain),
	API(stmt_readonly),
	API(stmt_status),
	API(trace_v2),
	API(uri_parameter),
	API(value_text),
};

/* Since SQLite 3.37; osp_sqlite__changes does without. */
#if SQLITE_VERSION_NUMBER >= OSP_SQLITE_CHANGES64
static const function_entry called_if_there[] = {API(changes64)};
#endif

/* Answers for a function that a SQLite does not have. */
static int
answer_nomem(void)
{
	return SQLITE_NOMEM;
}

static void *
answer_null(void)
{
	return NULL;
}

/* Fills in the functions of one table; returns how many are missing. */
static size_t
fill_table(void *handle, const function_entry *entries, size_t count,
		   void *table)
{
	size_t missing = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		void *found = dlsym(handle, entries[i].name);

		missing += found == NULL ? 1 : 0;
		if (found != NULL)
			memcpy((char *) table + entries[i].offset, &found, sizeof(found));
	}
	return missing;
}

/* A table that can be called whatever is missing in the SQLite. */
static void
fill_real(void *handle, osp_sqlite_real *real)
{
	int (*nomem)(void) = answer_nomem;
	void *(*null)(void) = answer_null;
	size_t i;

	for (i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]); i++)
		memcpy((char *) real + wrapped[i].offset, &nomem, sizeof(nomem));
	memcpy(&real->trace, &null, sizeof(null));
	memcpy(&real->profile, &null, sizeof(null));
	(void) fill_table(
		handle, wrapped, sizeof(wrapped) / sizeof(wrapped[0]), real);
}

static bool
fill_api(void *handle)
{
#if SQLITE_VERSION_NUMBER >= OSP_SQLITE_CHANGES64
	(void) fill_table(handle, called_if_there, 1, &home_api);
#endif
	return fill_table(
			   handle, called, sizeof(called) / sizeof(called[0]), &home_api) ==
		   0;
}

/* --- objects ---------------------------------------------------------------- */

typedef struct range_search
{
	uintptr_t at;
	osp_sqlite_range range;
} range_search;

/* Is the address in this object? Then its whole range is noted. */
static int
note_range(struct dl_phdr_info *info, size_t size, void *ctx)
{
	range_search *search = ctx;
	uintptr_t low = UINTPTR_MAX;
	uintptr_t high = 0;
	int i;

	(void) size;
	for (i = 0; i < info->dlpi_phnum; i++)
	{
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		low = begin < low ? begin : low;
		high = begin + part->p_memsz > high ? begin + part->p_memsz : high;
	}
	if (search->at < low || search->at >= high)
		return 0;
	search->range.low = low;
	search->range.size = high - low;
	return 1;
}

static osp_sqlite_range
range_of(const void *address)
{
	range_search search = {(uintptr_t) address, {0, 0}};

	(void) dl_iterate_phdr(note_range, &search);
	return search.range;
}

/* A handle of the object that holds the address; NULL: none does. */
static void *
handle_of(const void *address, const void **base)
{
	struct link_map *map = NULL;
	Dl_info info;

	if (dladdr1(address, &info, (void **) &map, RTLD_DL_LINKMAP) == 0 ||
		map == NULL)
		return NULL;
	if (base != NULL)
		*base = info.dli_fbase;
	return dlopen(map->l_name[0] != '\0' ? map->l_name : NULL,
				  RTLD_LAZY | RTLD_NOLOAD);
}

static bool
is_ours(const void *address)
{
	static const char here;
	Dl_info its;
	Dl_info our;

	return dladdr(address, &its) != 0 && dladdr(&here, &our) != 0 &&
		   its.dli_fbase == our.dli_fbase;
}

/* sqlite3_step as an object finds it without us. handle NULL: as all see it. */
static void *
find_step(void *handle)
{
	void *found = dlsym(RTLD_DEFAULT, "sqlite3_step");

	if (found == NULL || is_ours(found))
		found = dlsym(RTLD_NEXT, "sqlite3_step");
	if (found == NULL && handle != NULL)
		found = dlsym(handle, "sqlite3_step");
	return found != NULL && !is_ours(found) ? found : NULL;
}

/* --- the SQLites of the process ---------------------------------------------- */

/* Publishes an entry whose fields are only compared once its size is there. */
static void
set_range(osp_sqlite_range *entry, osp_sqlite_range range)
{
	entry->low = range.low;
	__atomic_store_n(&entry->size, range.size, __ATOMIC_RELEASE);
}

/* The SQLite at home from now on; its object stays loaded by this handle. */
static bool
make_home(void *handle, const void *base, const void *step)
{
	if (!fill_api(handle))
		return false;
	fill_real(handle, &osp_sqlite__home);
	home_base = base;
	sqlite3_api = &home_api;
	set_range(&osp_sqlite__callers[0], range_of(step));
	return true;
}

/* Takes part in no race: one thread makes home, others wait for it. */
static bool
begin_home(void)
{
	int expected = HOME_UNKNOWN;

	if (__atomic_compare_exchange_n(&home_state,
									&expected,
									HOME_IN_WORK,
									false,
									__ATOMIC_ACQUIRE,
									__ATOMIC_ACQUIRE))
		return true;
	while (__atomic_load_n(&home_state, __ATOMIC_ACQUIRE) == HOME_IN_WORK)
		(void) sched_yield();
	return false;
}

static const osp_sqlite_real *
find_other(void *handle, const void *base)
{
	other_sqlite *other = __atomic_load_n(&others, __ATOMIC_ACQUIRE);

	while (other != NULL && other->base != base)
		other = other->next;
	if (other != NULL)
		return &other->real;
	other = osp_calloc(&osp_allocator_default, 1, sizeof(*other));
	if (other == NULL)
		return NULL;
	other->base = base;
	fill_real(handle, &other->real);
	other->next = __atomic_load_n(&others, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(
		&others, &other->next, other, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return &other->real;
}

/* The table of the SQLite that has this sqlite3_step; home, if there is none. */
static const osp_sqlite_real *
real_by_step(const void *step)
{
	const void *base = NULL;
	void *handle = handle_of(step, &base);

	if (handle == NULL)
		return NULL;
	if (begin_home())
		__atomic_store_n(&home_state,
						 make_home(handle, base, step) ? HOME_KNOWN
													   : HOME_UNKNOWN,
						 __ATOMIC_RELEASE);
	if (osp_sqlite__home_known() && base == home_base)
		return &osp_sqlite__home;
	return find_other(handle, base);
}

bool
osp_sqlite__home_known(void)
{
	return __atomic_load_n(&home_state, __ATOMIC_ACQUIRE) == HOME_KNOWN;
}

bool
osp_sqlite__home_search(void)
{
	void *step;

	if (osp_sqlite__home_known())
		return true;
	step = find_step(dlopen(SYSTEM_SQLITE, RTLD_LAZY | RTLD_NOLOAD));
	return step != NULL && real_by_step(step) == &osp_sqlite__home;
}

/* --- callers ------------------------------------------------------------------ */

static void
remember_object(osp_sqlite_range range, const osp_sqlite_real *real)
{
	static bool has_caller = false;
	unsigned i;

	if (real == &osp_sqlite__home &&
		!__atomic_exchange_n(&has_caller, true, __ATOMIC_RELAXED))
		set_range(&osp_sqlite__callers[1], range);
	i = __atomic_fetch_add(&object_count, 1, __ATOMIC_RELAXED);
	if (i >= OBJECTS_MAX)
	{
		/* Asked again at each call, which is slow and right. */
		__atomic_store_n(&object_count, OBJECTS_MAX, __ATOMIC_RELAXED);
		return;
	}
	objects[i].range = range;
	__atomic_store_n(&objects[i].real, real, __ATOMIC_RELEASE);
}

static const osp_sqlite_real *
remembered_real(const void *caller)
{
	unsigned count = __atomic_load_n(&object_count, __ATOMIC_RELAXED);
	unsigned i;

	for (i = 0; i < count && i < OBJECTS_MAX; i++)
	{
		const osp_sqlite_real *real =
			__atomic_load_n(&objects[i].real, __ATOMIC_ACQUIRE);

		if (real != NULL &&
			(uintptr_t) caller - objects[i].range.low < objects[i].range.size)
			return real;
	}
	return NULL;
}

/*
 * What is called when nothing is found: an extension that calls by the table of
 * its SQLite sees no SQLite itself. Where there is one only, it is that one.
 */
static const osp_sqlite_real *
fallback_real(void)
{
	static osp_sqlite_real none;

	if (osp_sqlite__home_search())
		return &osp_sqlite__home;
	fill_real(RTLD_NEXT, &none);
	return &none;
}

const osp_sqlite_real *
osp_sqlite__find_real(const void *caller)
{
	const osp_sqlite_real *real = remembered_real(caller);
	void *handle;
	void *step;

	if (OSP_LIKELY(real != NULL))
		return real;
	handle = handle_of(caller, NULL);
	step = find_step(handle);
	real = step != NULL ? real_by_step(step) : NULL;
	if (real != NULL)
		remember_object(range_of(caller), real);
	if (handle != NULL)
		(void) dlclose(handle);
	return real != NULL ? real : fallback_real();
}
