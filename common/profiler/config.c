/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c
 *	  Configuration: the [profiler] section of an ini file, overridden by the
 *	  environment.
 *
 * One table lists all settings. Texts may be secrets: they are wiped before
 * their memory is freed, and no message shows one.
 */
#include "profiler/config.h"

#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ini.h"
#include "base/parse.h"
#include "base/read_file.h"
#include "base/transport_url.h"
#include "base/uri.h"
#include "record/rundir.h"

#define CONFIG_FILE_MAX (4 * 1024 * 1024)
#define LIMIT_MIN       (UINT64_C(64) * 1024)
#define LIMIT_MAX       (UINT64_C(1) << 40)
#define SHOWN_VALUE_MAX 40
#define CONNECTION_MAX  1100
#define PASSWD_MAX      4096
#define SECTION         "profiler"
#define NOT_IN_FILE     NULL

typedef enum setting_kind
{
	KIND_TEXT,
	KIND_PROPAGATE,     /* a text, made of propagate_words */
	KIND_SQLITE_POINTS, /* a text, made of sqlite_words */
	KIND_BOOL,
	KIND_RING_SIZE,
	KIND_LIMIT,
	KIND_ON_FULL,
	KIND_STATEMENT_TEXT
} setting_kind;

typedef struct setting
{
	const char *key; /* NOT_IN_FILE: only in the environment */
	const char *variable;
	setting_kind kind;
	size_t offset; /* offset of the member in osp_config */
} setting;

#define MEMBER(name) offsetof(osp_config, name)

static const setting settings[] = {
	{"enabled", "OSPROFILER_ENABLED", KIND_BOOL, MEMBER(enabled)},
	{"hmac_keys", "OSPROFILER_HMAC_KEYS", KIND_TEXT, MEMBER(hmac_keys)},
	{"hmac_keys_file",
	 "OSPROFILER_HMAC_KEYS_FILE",
	 KIND_TEXT,
	 MEMBER(hmac_keys_file)},
	{"connection_string",
	 "OSPROFILER_CONNECTION_STRING",
	 KIND_TEXT,
	 MEMBER(connection_string)},
	{"transport_url",
	 "OSPROFILER_TRANSPORT_URL",
	 KIND_TEXT,
	 MEMBER(transport_url)},
	{"trace_sqlalchemy",
	 "OSPROFILER_TRACE_SQLALCHEMY",
	 KIND_BOOL,
	 MEMBER(trace_sqlalchemy)},
	{"hide_params", "OSPROFILER_HIDE_PARAMS", KIND_BOOL, MEMBER(hide_params)},
	{"statement_text",
	 "OSPROFILER_STATEMENT_TEXT",
	 KIND_STATEMENT_TEXT,
	 MEMBER(statement_text)},
	{"propagate", "OSPROFILER_PROPAGATE", KIND_PROPAGATE, MEMBER(propagate)},
	{"filter_error_trace",
	 "OSPROFILER_FILTER_ERROR_TRACE",
	 KIND_BOOL,
	 MEMBER(filter_error_trace)},
	{"project", "OSPROFILER_PROJECT", KIND_TEXT, MEMBER(project)},
	{"service", "OSPROFILER_SERVICE", KIND_TEXT, MEMBER(service)},
	{"run_directory", "OSPROFILER_RUN_DIR", KIND_TEXT, MEMBER(run_directory)},
	{"ring_size", "OSPROFILER_RING_SIZE", KIND_RING_SIZE, MEMBER(ring_size)},
	{"ring_total", "OSPROFILER_RING_TOTAL", KIND_LIMIT, MEMBER(ring_total)},
	{"on_full", "OSPROFILER_ON_FULL", KIND_ON_FULL, MEMBER(on_full)},
	{"spool_limit", "OSPROFILER_SPOOL_LIMIT", KIND_LIMIT, MEMBER(spool_limit)},
	{NOT_IN_FILE,
	 "OSPROFILER_SQLITE_POINTS",
	 KIND_SQLITE_POINTS,
	 MEMBER(sqlite_points)},
	{NOT_IN_FILE, "OSPROFILER_TRACE_INFO", KIND_TEXT, MEMBER(trace_info)},
	{NOT_IN_FILE, "OSPROFILER_TRACE_HMAC", KIND_TEXT, MEMBER(trace_hmac)}};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

bool
osp_config_name_get(size_t i, osp_config_name *out)
{
	if (i >= SETTINGS)
		return false;
	out->key = settings[i].key;
	out->variable = settings[i].variable;
	return true;
}

/* The source of a value, for errors: a line of a file, or the environment. */
typedef struct source
{
	osp_config *config;
	const char *file;
	unsigned line;
	unsigned
		bus_rank; /* of the section that transport_url is from; 0: none yet */
} source;

static bool
is_text(const setting *s)
{
	return s->kind == KIND_TEXT || s->kind == KIND_PROPAGATE ||
		   s->kind == KIND_SQLITE_POINTS;
}

static char **
text_member(osp_config *config, const setting *s)
{
	return (char **) ((char *) config + s->offset);
}

static void
wipe_text(const osp_allocator *alc, char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	osp_free(alc, text);
}

static osp_status
set_text(osp_config *config, char **member, osp_str value, osp_error *err)
{
	char *copy = osp_strdup(config->alc, value);

	if (copy == NULL)
		return osp_error_set(
			err, OSP_ENOMEM, "out of memory for the configuration");
	wipe_text(config->alc, *member);
	*member = copy;
	return OSP_OK;
}

/* Makes the error of a bad value: its source, the value, and the allowed values. */
static osp_status
set_value_error(const source *from, const setting *s, osp_str value,
				const char *allowed, osp_error *err)
{
	char where[200];
	size_t shown = 0;

	if (from->file != NULL)
		(void) snprintf(where,
						sizeof(where),
						"%s, line %u: %s",
						from->file,
						from->line,
						s->key);
	else
		(void) snprintf(where, sizeof(where), "%s", s->variable);
	while (shown < value.len && shown < SHOWN_VALUE_MAX &&
		   (unsigned char) value.ptr[shown] >= ' ')
		shown++;
	return osp_error_set(err,
						 OSP_EINVAL,
						 "%s is \"%.*s\", but must be %s",
						 where,
						 (int) shown,
						 value.ptr,
						 allowed);
}

static bool
read_statement_text(osp_str value, osp_statement_text *out)
{
	static const char *const names[] = {"full", "normalized", "none"};
	int i;

	for (i = 0; i < 3; i++)
		if (osp_str_eq(value, osp_str_of(names[i])))
		{
			*out = (osp_statement_text) i;
			return true;
		}
	return false;
}

/* The ways in which hooks may tell the server of a context. */
static const char *const propagate_words[] = {
	"comment", "startup", "prepared", "none", NULL};

/* What may be recorded of SQLite's statements. */
static const char *const sqlite_words[] = {
	"nested", "triggers", "rows", "parameters", "statistics", NULL};

static osp_status
set_value(source *to, const setting *s, osp_str value, osp_error *err)
{
	osp_config *config = to->config;
	uint64_t size;

	switch (s->kind)
	{
		case KIND_TEXT:
			return set_text(config, text_member(config, s), value, err);
		case KIND_BOOL:
			if (!osp_parse_bool(value, (bool *) ((char *) config + s->offset)))
				return set_value_error(to, s, value, "true or false", err);
			if (s->offset == MEMBER(enabled))
				config->enabled_given = true;
			return OSP_OK;
		case KIND_RING_SIZE:
			if (!osp_parse_size(value, &size) || size < OSP_RING_MIN ||
				size > OSP_RING_MAX)
				return set_value_error(
					to, s, value, "a size from 64kB to 1GB", err);
			config->ring_size = (size_t) size;
			return OSP_OK;
		case KIND_LIMIT:
			if (!osp_parse_size(value, &size) || size < LIMIT_MIN ||
				size > LIMIT_MAX)
				return set_value_error(
					to, s, value, "a size from 64kB to 1TB", err);
			*(uint64_t *) (void *) ((char *) config + s->offset) = size;
			return OSP_OK;
		case KIND_ON_FULL:
			if (osp_str_eq(value, OSP_STR("drop")))
				config->on_full = OSP_ON_FULL_DROP;
			else if (osp_str_eq(value, OSP_STR("wait")))
				config->on_full = OSP_ON_FULL_WAIT;
			else
				return set_value_error(to, s, value, "drop or wait", err);
			return OSP_OK;
		case KIND_PROPAGATE:
			if (!osp_parse_is_list_of(value, propagate_words))
				return set_value_error(
					to,
					s,
					value,
					"a list of comment, startup and prepared, or none",
					err);
			return set_text(config, text_member(config, s), value, err);
		case KIND_SQLITE_POINTS:
			if (!osp_parse_is_list_of(value, sqlite_words))
				return set_value_error(to,
									   s,
									   value,
									   "a list of nested, triggers, rows, "
									   "parameters and statistics",
									   err);
			return set_text(config, text_member(config, s), value, err);
		case KIND_STATEMENT_TEXT:
			if (!read_statement_text(value, &config->statement_text))
				return set_value_error(
					to, s, value, "full, normalized or none", err);
			return OSP_OK;
	}
	return OSP_OK;
}

static osp_status
set_defaults(osp_config *config, osp_error *err)
{
	osp_status status;
	size_t i;

	config->trace_sqlalchemy = true;
	config->hide_params = true;
	config->on_full = OSP_ON_FULL_DROP;
	config->statement_text = OSP_STATEMENT_FULL;
	config->ring_size = OSP_RING_DEFAULT;
	config->ring_total = OSP_RING_TOTAL_DEFAULT;
	config->spool_limit = OSP_SPOOL_LIMIT_DEFAULT;
	status = set_text(config, &config->bus_ca_file, OSP_STR(""), err);
	if (status == OSP_OK)
		status = set_text(config, &config->sentinel_service, OSP_STR(""), err);
	if (status != OSP_OK)
		return status;
	for (i = 0; i < SETTINGS; i++)
	{
		if (!is_text(&settings[i]))
			continue;
		status = set_text(
			config, text_member(config, &settings[i]), OSP_STR(""), err);
		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

static bool
is_section(osp_str section, const char *name)
{
	return section.len == strlen(name) &&
		   strncasecmp(section.ptr, name, section.len) == 0;
}

/* Reads how oslo.messaging uses RabbitMQ. Bad values are ignored here, because
 * the service itself checks them. */
static osp_status
read_rabbit_setting(source *from, const osp__ini_setting *found, osp_error *err)
{
	osp_config *config = from->config;
	osp_str key = found->key;

	if (osp_str_eq(key, OSP_STR("amqp_durable_queues")))
		(void) !osp_parse_bool(found->value, &config->bus_is_durable);
	else if (osp_str_eq(key, OSP_STR("rabbit_quorum_queue")))
		(void) !osp_parse_bool(found->value, &config->bus_is_quorum);
	else if (osp_str_eq(key, OSP_STR("ssl")) ||
			 osp_str_eq(key, OSP_STR("rabbit_use_ssl")))
		(void) !osp_parse_bool(found->value, &config->bus_has_tls);
	else if (osp_str_eq(key, OSP_STR("ssl_ca_file")) ||
			 osp_str_eq(key, OSP_STR("kombu_ssl_ca_certs")))
		return set_text(config, &config->bus_ca_file, found->value, err);
	return OSP_OK;
}

/* Reads a setting of oslo.messaging, by which OSProfiler in Python finds the brokers of
 * messaging://. sections lists where transport_url may stand, the most important
 * last. */
static osp_status
read_bus_setting(source *from, const osp__ini_setting *found, osp_error *err)
{
	static const char *const sections[] = {
		"DEFAULT", "oslo_messaging_notifications", SECTION};
	unsigned rank = 0;

	if (is_section(found->section, "oslo_messaging_rabbit"))
		return read_rabbit_setting(from, found, err);
	if (!osp_str_eq(found->key, OSP_STR("transport_url")) ||
		found->value.len == 0)
		return OSP_OK;
	while (rank < 3 && !is_section(found->section, sections[rank]))
		rank++;
	if (rank == 3 || rank + 1 < from->bus_rank)
		return OSP_OK;
	from->bus_rank = rank + 1;
	return set_text(
		from->config, &from->config->transport_url, found->value, err);
}

/* An osp__ini_fn that reads one setting. */
static osp_status
read_setting(void *ctx, const osp__ini_setting *found, osp_error *err)
{
	source *from = ctx;
	osp_status status = read_bus_setting(from, found, err);
	size_t i;

	/* oslo.config ignores the case of section names, but not of keys. */
	if (status != OSP_OK || !is_section(found->section, SECTION) ||
		osp_str_eq(found->key, OSP_STR("transport_url")))
		return status;
	if (osp_str_eq(found->key, OSP_STR("sentinel_service_name")))
		return set_text(
			from->config, &from->config->sentinel_service, found->value, err);
	from->line = found->line;
	for (i = 0; i < SETTINGS; i++)
	{
		if (settings[i].key != NOT_IN_FILE &&
			osp_str_eq(found->key, osp_str_of(settings[i].key)))
			return set_value(from, &settings[i], found->value, err);
	}
	return OSP_OK;
}

/* Refuses keys in a configuration file that others can read, like those in a file of
 * keys: they would be no secret. */
static osp_status
check_keys_are_secret(const source *from, osp_error *err)
{
	struct stat st;

	if (from->config->hmac_keys[0] == '\0' || stat(from->file, &st) != 0 ||
		(st.st_mode & (S_IROTH | S_IWOTH)) == 0)
		return OSP_OK;
	return osp_error_set(
		err,
		OSP_EPERM,
		"%s holds hmac_keys, and others can read or write it: "
		"chmod o= it, or name a file of keys in hmac_keys_file",
		from->file);
}

static osp_status
read_config_file(source *from, osp_error *err)
{
	osp__file file;
	osp_status status;

	status = osp__file_read(
		&file, from->config->alc, from->file, CONFIG_FILE_MAX, false, err);
	if (status != OSP_OK)
		return status;
	status =
		osp__ini_read(file.ptr, file.len, from->file, read_setting, from, err);
	osp__file_term(&file);
	return status == OSP_OK ? check_keys_are_secret(from, err) : status;
}

/* A variable that is set to nothing counts as not set. */
static osp_status
read_environment(source *from, osp_error *err)
{
	size_t i;

	for (i = 0; i < SETTINGS; i++)
	{
		const char *value = secure_getenv(settings[i].variable);
		osp_status status;

		if (value == NULL || value[0] == '\0')
			continue;
		status = set_value(from, &settings[i], osp_str_of(value), err);
		if (status != OSP_OK)
			return status;
	}
	return OSP_OK;
}

osp_status
osp_config_load(osp_config *config, const osp_allocator *alc, const char *path,
				osp_error *err)
{
	source from = {.config = config};
	osp_status status;

	memset(config, 0, sizeof(*config));
	config->alc = alc;
	from.file = path != NULL ? path : secure_getenv("OSPROFILER_CONF");
	if (from.file != NULL && from.file[0] == '\0')
		from.file = NULL;

	status = set_defaults(config, err);
	if (status == OSP_OK && from.file != NULL)
		status = read_config_file(&from, err);
	from.file = NULL;
	if (status == OSP_OK)
		status = read_environment(&from, err);
	if (status != OSP_OK)
	{
		osp_config_term(config);
		return status;
	}
	if (!config->enabled_given)
		config->enabled =
			config->hmac_keys[0] != '\0' || config->hmac_keys_file[0] != '\0';
	return OSP_OK;
}

void
osp_config_term(osp_config *config)
{
	const osp_allocator *alc = config->alc;
	size_t i;

	for (i = 0; i < SETTINGS; i++)
	{
		if (is_text(&settings[i]))
			wipe_text(alc, *text_member(config, &settings[i]));
	}
	osp_free(alc, config->bus_ca_file);
	osp_free(alc, config->sentinel_service);
	memset(config, 0, sizeof(*config));
	config->alc = alc;
}

/* The home directory: HOME, or else the one in the system's user database. */
static bool
find_home(char *out, size_t size)
{
	const char *home = secure_getenv("HOME");
	char space[PASSWD_MAX];
	struct passwd entry;
	struct passwd *found = NULL;

	if (home == NULL || home[0] != '/')
	{
		if (getpwuid_r(getuid(), &entry, space, sizeof(space), &found) != 0 ||
			found == NULL || found->pw_dir == NULL || found->pw_dir[0] != '/')
			return false;
		home = found->pw_dir;
	}
	return snprintf(out, size, "%s", home) < (int) size;
}

osp_status
osp_config_default_connection(char *out, size_t size, osp_error *err)
{
	const char *state = secure_getenv("XDG_STATE_HOME");
	const char *below = "";
	char home[CONNECTION_MAX];
	int len;

	/* By the XDG rules, a relative path counts as not set. */
	if (size > 0)
		out[0] = '\0';
	if (state == NULL || state[0] != '/')
	{
		if (!find_home(home, sizeof(home)))
			return osp_error_set(
				err,
				OSP_ENOENT,
				"no collector is configured, and there is no home directory "
				"for the default one; set OSPROFILER_CONNECTION_STRING");
		state = home;
		below = "/.local/state";
	}

	/* The path follows three slashes, and its own first slash is the fourth. */
	len = snprintf(
		out, size, "sqlite:///%s%s/osprofiler/traces.db", state, below);
	if (len >= 0 && (size_t) len < size)
		return OSP_OK;
	if (size > 0)
		out[0] = '\0';
	return osp_error_set(
		err, OSP_EFULL, "the path of the default collector is too long");
}

/* Sets the member to an option of a command line, if the option was given. */
static osp_status
set_option(osp_config *config, char **member, const char *option,
		   osp_error *err)
{
	return option == NULL || option[0] == '\0'
			   ? OSP_OK
			   : set_text(config, member, osp_str_of(option), err);
}

/* Is it messaging:// without a host, which leaves the brokers to the service? */
static bool
is_bus_of_service(const char *connection_string)
{
	const char *rest = strstr(connection_string, "://");

	if (strncmp(connection_string, "messaging", 9) != 0 || rest == NULL)
		return false;
	rest += strlen("://");
	if (rest[0] == '/')
		rest++;
	return rest[0] == '\0' || rest[0] == '?';
}

/* Does the connection string have an option? *value is borrowed. */
static bool
find_option(osp_str string, const char *wanted, osp_str *value)
{
	const char *mark = memchr(string.ptr, '?', string.len);
	osp_str query = OSP_STR("");
	osp_str name;

	if (mark != NULL)
		query =
			osp_str_n(mark + 1, string.len - (size_t) (mark + 1 - string.ptr));
	while (osp__uri_option(&query, &name, value))
		if (osp_str_eq(name, osp_str_of(wanted)))
			return true;
	return false;
}

static void
add_encoded(osp_buf *string, const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (strchr("%&?#+ ", *text) != NULL)
			osp_buf_addf(string, "%%%02X", (unsigned char) *text);
		else
			osp_buf_add_char(string, *text);
	}
}

/* Adds an option to the connection string, unless the string already has it. */
static void
add_option(osp_buf *string, const char *name, const char *value)
{
	osp_str given;

	if (find_option(osp_buf_str(string), name, &given))
		return;
	osp_buf_addf(string,
				 "%c%s=",
				 memchr(string->ptr, '?', string->len) != NULL ? '&' : '?',
				 name);
	add_encoded(string, value);
}

/* Adds the service's RabbitMQ settings as options of the connection string. */
static osp_status
add_bus_options(const osp_config *config, osp_buf *string)
{
	bool tls = config->bus_has_tls;
	osp_str given;

	/* The service itself declares a quorum queue, which the driver cannot. */
	if (config->bus_is_quorum)
		add_option(string, "declare", "0");
	else if (config->bus_is_durable)
		add_option(string, "durable", "1");
	if (osp_buf_status(string) == OSP_OK &&
		find_option(osp_buf_str(string), "ssl", &given))
		(void) !osp_parse_bool(given, &tls);
	else if (tls)
		add_option(string, "ssl", "1");
	if (tls && config->bus_ca_file[0] != '\0' &&
		osp_buf_status(string) == OSP_OK &&
		!find_option(osp_buf_str(string), "ca", &given))
		add_option(string, "ssl_ca_file", config->bus_ca_file);
	return osp_buf_status(string);
}

/* Adds the configured sentinel service to a redissentinel://host without a path. */
static osp_status
add_sentinel_service(const osp_config *config, osp_buf *string)
{
	static const char scheme[] = "redissentinel://";
	const char *given = config->connection_string;
	size_t at;

	if (config->sentinel_service[0] == '\0' ||
		strncasecmp(given, scheme, strlen(scheme)) != 0)
		return OSP_OK;
	at = strlen(scheme) + strcspn(given + strlen(scheme), "/?");
	if (given[at] == '/' && given[at + 1] != '\0' && given[at + 1] != '?')
		return OSP_OK;
	osp_buf_reset(string);
	osp_buf_add(string, given, at);
	osp_buf_add_char(string, '/');
	add_encoded(string, config->sentinel_service);
	osp_buf_add_str(string, osp_str_of(given + at + (given[at] == '/')));
	return osp_buf_status(string);
}

osp_status
osp_config_set_collector(osp_config *config, const char *connection_string,
						 const char *transport_url, osp_error *err)
{
	osp_status status;
	osp_buf joined;

	status =
		set_option(config, &config->connection_string, connection_string, err);
	if (status == OSP_OK)
		status = set_option(config, &config->transport_url, transport_url, err);
	if (status != OSP_OK)
		return status;
	osp_buf_init(&joined, config->alc, CONFIG_FILE_MAX);
	status = osp__transport_join(&joined,
								 osp_str_of(config->connection_string),
								 osp_str_of(config->transport_url),
								 err);
	if (status == OSP_OK && is_bus_of_service(config->connection_string))
		status = add_bus_options(config, &joined);
	if (status == OSP_OK)
		status = add_sentinel_service(config, &joined);
	if (status == OSP_OK)
		status = set_text(
			config, &config->connection_string, osp_buf_str(&joined), err);
	if (joined.len > 0)
		OPENSSL_cleanse(joined.ptr, joined.len);
	osp_buf_term(&joined);
	return status;
}

/* The directory of the user's settings: XDG_CONFIG_HOME, else ~/.config. */
static bool
find_config_home(char *out, size_t size)
{
	const char *given = secure_getenv("XDG_CONFIG_HOME");
	char home[CONNECTION_MAX];

	if (given != NULL && given[0] == '/')
		return snprintf(out, size, "%s", given) < (int) size;
	return find_home(home, sizeof(home)) &&
		   snprintf(out, size, "%s/.config", home) < (int) size;
}

osp_status
osp_config_default_keys_file(char *out, size_t size, osp_error *err)
{
	char directory[CONNECTION_MAX];
	int len;

	if (size > 0)
		out[0] = '\0';
	if (!find_config_home(directory, sizeof(directory)))
		return osp_error_set(err,
							 OSP_ENOENT,
							 "there is no home directory for a file of keys; "
							 "set OSPROFILER_HMAC_KEYS_FILE");
	len = snprintf(out, size, "%s/osprofiler/hmac_keys", directory);
	if (len >= 0 && (size_t) len < size)
		return OSP_OK;
	if (size > 0)
		out[0] = '\0';
	return osp_error_set(
		err, OSP_EFULL, "the path of the file of keys is too long");
}

osp_status
osp_config_need_keys(osp_config *config, osp_error *err)
{
	char path[CONNECTION_MAX + 64];

	if (config->hmac_keys[0] != '\0' || config->hmac_keys_file[0] != '\0' ||
		osp_config_default_keys_file(path, sizeof(path), NULL) != OSP_OK ||
		access(path, F_OK) != 0)
		return OSP_OK;
	if (!config->enabled_given)
		config->enabled = true;
	return set_text(config, &config->hmac_keys_file, osp_str_of(path), err);
}

osp_status
osp_config_need_connection(osp_config *config, osp_error *err)
{
	char text[CONNECTION_MAX];
	osp_status status;

	if (config->connection_string[0] != '\0')
		return OSP_OK;
	status = osp_config_default_connection(text, sizeof(text), err);
	if (status != OSP_OK)
		return status;
	return set_text(config, &config->connection_string, osp_str_of(text), err);
}
