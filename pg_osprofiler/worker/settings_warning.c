/* SPDX-License-Identifier: Apache-2.0
 *
 * settings_warning.c
 *	  Writes the line into the log which says that secrets belong into files,
 *	  not settings.
 *
 * A process that has not loaded the module (replication, autovacuum, a session before
 * LOAD) shows the module's settings to everybody, because they are placeholders there.
 * And PostgreSQL itself logs the new value when a setting changes.
 *
 * The line is written once for each setting, at each start of the server and each
 * reload. If the postmaster has loaded the module, it writes the line; else the first
 * session after a start or a reload does. The modification time of a file in the run
 * directory shows whether a session was the first.
 */
#include "pgosp.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "osprofiler/driver.h"

#define MARK "warned"

/* The file's clock is coarser than PostgreSQL's, and each process reloads the settings
 * a little later than the postmaster. */
#define SLACK_US USECS_PER_SEC

static bool said_by_postmaster = false;

static bool
keys_are_secret(void)
{
	return pgosp_hmac_keys[0] != '\0';
}

/* Does the connection string hold a password? It does if it changes when it is masked
 * to be shown. */
static bool
connection_string_is_secret(void)
{
	char shown[OSP_CONNECTION_STRING_MAX];

	osp_connection_string_redact(
		osp_str_of(pgosp_connection_string), shown, sizeof(shown));
	return strcmp(shown, pgosp_connection_string) != 0;
}

static const struct
{
	const char *name;
	bool (*is_secret)(void);
} settings[] = {
	{"hmac_keys", keys_are_secret},
	{"connection_string", connection_string_is_secret},
};

static void
warn(const char *name)
{
	pgosp_log(errmsg("osprofiler: osprofiler.%s holds a secret that others can "
					 "see",
					 name),
			  errdetail("Processes that have not loaded the module show it to "
						"everybody, and PostgreSQL logs its changes."),
			  errhint("Move it into a file that only the server can read, and "
					  "name that in osprofiler.%s_file.",
					  name));
}

void
pgosp_secret_assigned(const char *name)
{
	size_t i;

	if (IsUnderPostmaster || !IsPostmasterEnvironment)
		return;
	said_by_postmaster = true;
	for (i = 0; i < lengthof(settings); i++)
		if (strcmp(settings[i].name, name) == 0 && settings[i].is_secret())
			warn(name);
}

/* Is this process the first to come here since the last reload? If so, marks the
 * file. */
static bool
take_mark(int fd)
{
	struct stat st;
	int64 marked_us;
	int64 reloaded_us =
		PgReloadTime +
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &st) != 0)
		return false;
	marked_us =
		(int64) st.st_mtim.tv_sec * USECS_PER_SEC + st.st_mtim.tv_nsec / 1000;
	if (st.st_size > 0 && marked_us > reloaded_us - SLACK_US)
		return false;
	return ftruncate(fd, 0) == 0 && write(fd, "\n", 1) == 1;
}

static bool
is_first(void)
{
	char path[OSP_RUNDIR_PATH_MAX];
	int dir_fd;
	int fd;
	bool first;

	if (pgosp_rundir(path, NULL) != OSP_OK ||
		osp_rundir_open(path, true, &dir_fd, NULL) != OSP_OK)
		return false;
	fd = openat(dir_fd, MARK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	(void) close(dir_fd);
	if (fd < 0)
		return false;
	first = take_mark(fd);
	(void) close(fd);
	return first;
}

void
pgosp_warn_of_secrets(void)
{
	bool secret[lengthof(settings)];
	bool any = false;
	size_t i;

	if (!IsUnderPostmaster || said_by_postmaster)
		return;
	for (i = 0; i < lengthof(settings); i++)
	{
		secret[i] = settings[i].is_secret();
		any |= secret[i];
	}
	if (!any || !is_first())
		return;
	for (i = 0; i < lengthof(settings); i++)
		if (secret[i])
			warn(settings[i].name);
}
