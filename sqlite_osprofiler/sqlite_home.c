/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_home.c
 *	  Finds, for each object of the process, the SQLite that it would call if we
 *	  were not there.
 *
 * The dynamic linker binds a name to the first definition among the objects
 * that everybody sees (the program, preloaded libraries, libraries that the
 * program is linked with) and then among those that were loaded with the
 * calling object. We look up the names in the same order, but skip our own
 * library.
 *
 * Nothing is ever removed here: a SQLite that was found stays loaded, and an
 * entry of a table is written once, its last field last. So readers need no
 * lock, also in a child after fork and in a constructor during dlopen.
 */
#include "sqlite_home.h"

#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <unistd.h>

#define SYSTEM_SQLITE "libsqlite3.so.0"
#define OBJECTS_MAX   64

osp_sqlite_real osp_sqlite__home;
osp_sqlite_range osp_sqlite__callers[2];

/* The functions of home that we call ourselves, under their names in sqlite3ext.h. */
static sqlite3_api_routines home_api;

enum
{
	HOME_UNKNOWN,
	HOME_IN_WORK,
	HOME_KNOWN
};
static int home_state = HOME_UNKNOWN; /* one of the values above */
static const void *home_base;         /* the address of its object */

/* A SQLite that is not home. */
typedef struct other_sqlite
{
	struct other_sqlite *next;
	const void *base;
	osp_sqlite_real real;
} other_sqlite;

static other_sqlite *others = NULL;

/* An object that has called us; valid once real is set. */
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

/*
 * The functions that are wrapped: by both libraries, and by the preload library
 * only.
 */
#define WRAPPED(X)  \
	X(step)         \
	X(reset)        \
	X(finalize)     \
	X(exec)         \
	X(prepare)      \
	X(prepare_v2)   \
	X(prepare_v3)   \
	X(prepare16)    \
	X(prepare16_v2) \
	X(prepare16_v3) \
	X(trace_v2)     \
	X(trace)        \
	X(profile)      \
	X(busy_handler) \
	X(wal_checkpoint_v2)
#define WRAPPED_BY_PRELOAD(X) \
	X(open)                   \
	X(open_v2)                \
	X(open16)                 \
	X(config)                 \
	X(initialize)             \
	X(shutdown)               \
	X(auto_extension)         \
	X(reset_auto_extension)

/* The functions that we call. */
#define CALLED(X)           \
	X(bind_parameter_count) \
	X(changes)              \
	X(column_count)         \
	X(column_name)          \
	X(column_text)          \
	X(column_type)          \
	X(create_function_v2)   \
	X(data_count)           \
	X(db_filename)          \
	X(db_handle)            \
	X(db_mutex)             \
	X(errmsg)               \
	X(errstr)               \
	X(expanded_sql)         \
	X(extended_errcode)     \
	X(free)                 \
	X(get_autocommit)       \
	X(libversion_number)    \
	X(mprintf)              \
	X(mutex_enter)          \
	X(mutex_leave)          \
	X(mutex_try)            \
	X(result_error_nomem)   \
	X(result_int)           \
	X(result_text)          \
	X(sql)                  \
	X(stmt_busy)            \
	X(stmt_isexplain)       \
	X(stmt_readonly)        \
	X(stmt_status)          \
	X(trace_v2)             \
	X(uri_parameter)        \
	X(value_text)           \
	X(vfs_find)

#define REAL(name) {"sqlite3_" #name, offsetof(osp_sqlite_real, name)},
#define API(name)  {"sqlite3_" #name, offsetof(sqlite3_api_routines, name)},

static const function_entry wrapped[] = {WRAPPED(REAL)
											 WRAPPED_BY_PRELOAD(REAL)};
static const function_entry called[] = {CALLED(API)};

/* Functions since SQLite 3.37; osp_sqlite__changes can do without. */
#if SQLITE_VERSION_NUMBER >= OSP_SQLITE_CHANGES64
static const function_entry called_if_there[] = {API(changes64)};
#endif

/* Stand-ins for functions that a SQLite lacks. */
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

static bool is_ours(const void *address);

/* Finds the base of the object that contains the address; NULL: none does. */
static const void *
base_of(const void *address)
{
	Dl_info info;

	return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

/*
 * Fills in the functions of a table, and returns how many are missing. If base
 * is not NULL, only functions of the object there are taken: a handle of the
 * program also finds our functions, and those of another SQLite.
 */
static size_t
fill_table(void *handle, const void *base, const function_entry *entries,
		   size_t count, void *table)
{
	size_t missing = 0;
	size_t i;

	for (i = 0; i < count; i++)
	{
		void *found = dlsym(handle, entries[i].name);

		if (found == NULL || is_ours(found) ||
			(base != NULL && base_of(found) != base))
			missing++;
		else
			memcpy((char *) table + entries[i].offset, &found, sizeof(found));
	}
	return missing;
}

/*
 * Fills in a table in which every function can be called, even if the SQLite
 * lacks some.
 */
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
		handle, NULL, wrapped, sizeof(wrapped) / sizeof(wrapped[0]), real);
}

static bool
fill_api(void *handle, const void *base)
{
#if SQLITE_VERSION_NUMBER >= OSP_SQLITE_CHANGES64
	(void) fill_table(handle, base, called_if_there, 1, &home_api);
#endif
	return fill_table(handle,
					  base,
					  called,
					  sizeof(called) / sizeof(called[0]),
					  &home_api) == 0;
}

/* --- objects ---------------------------------------------------------------- */

typedef struct range_search
{
	uintptr_t at;
	osp_sqlite_range range;
} range_search;

/* If the address is in this object, notes the object's whole range. */
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

/* Returns a handle of the object that contains the address; NULL: none does. */
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
	const void *base = base_of(address);

	return base != NULL && base == base_of(&here);
}

/*
 * Finds sqlite3_step as an object would find it without us. handle NULL: an
 * object that sees only the global names.
 */
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

/* Publishes a range. Readers compare its members only once the size is set. */
static void
set_range(osp_sqlite_range *entry, osp_sqlite_range range)
{
	entry->low = range.low;
	__atomic_store_n(&entry->size, range.size, __ATOMIC_RELEASE);
}

/*
 * Makes the SQLite of this object home, the one that is traced. handle keeps
 * the object loaded.
 */
static bool
make_home(void *handle, const void *base, const void *step)
{
	int (*nomem)(void) = answer_nomem;

	if (!fill_api(handle, base))
		return false;
	fill_real(handle, &osp_sqlite__home);
	if (memcmp(&osp_sqlite__home.exec, &nomem, sizeof(nomem)) == 0)
		osp_sqlite__home.exec = osp_sqlite__exec_in_place;
	home_base = base;
	sqlite3_api = &home_api;
	set_range(&osp_sqlite__callers[0], range_of(step));
	return true;
}

/*
 * Lets one thread choose home. True for that thread; others wait until it has
 * finished.
 */
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

/*
 * Finds the table of the SQLite that has this sqlite3_step. If there is no home
 * yet, that SQLite becomes home.
 */
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

/*
 * Compares the connection's VFS: in all versions of SQLite 3 a connection
 * begins with a pointer to its VFS, and each SQLite has its own list of them.
 */
bool
osp_sqlite__is_of_home(sqlite3 *db)
{
	const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	const void *its;

	memcpy(&its, db, sizeof(its));
	while (vfs != NULL && vfs != its)
		vfs = vfs->pNext;
	return vfs != NULL;
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
		/* The object is looked up again at each call, which is slow but right. */
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

/* Reports once that the program cannot work, since all its calls fail. */
static void
report_missing(const osp_sqlite_real *none)
{
	static const char text[] =
		"osprofiler: the program calls SQLite by way of libosprofiler_sqlite, "
		"which finds no SQLite in it: link SQLite before "
		"-losprofiler_sqlite, or dynamically\n";
	static bool said = false;
	int (*nomem)(void) = answer_nomem;

	if (memcmp(&none->step, &nomem, sizeof(nomem)) == 0 &&
		!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		(void) !write(STDERR_FILENO, text, sizeof(text) - 1);
}

/*
 * The SQLite for a caller that sees none, such as an extension that calls by
 * the table of its SQLite. It is home, if there is one.
 */
static const osp_sqlite_real *
fallback_real(void)
{
	static osp_sqlite_real none;

	if (osp_sqlite__home_search())
		return &osp_sqlite__home;
	fill_real(RTLD_NEXT, &none);
	report_missing(&none);
	return &none;
}

const osp_sqlite_real *
osp_sqlite__find_of(const void *caller)
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
	return real;
}

const osp_sqlite_real *
osp_sqlite__find_real(const void *caller)
{
	const osp_sqlite_real *real = osp_sqlite__find_of(caller);

	return real != NULL ? real : fallback_real();
}
