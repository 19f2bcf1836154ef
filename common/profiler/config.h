/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h
 *	  Configuration: the [profiler] section of an ini file, overridden by the
 *	  environment. Names are those of upstream's options.
 *
 *	  key                  environment                    default
 *	  enabled              OSPROFILER_ENABLED             true if there are keys
 *	  hmac_keys            OSPROFILER_HMAC_KEYS           none
 *	  hmac_keys_file       OSPROFILER_HMAC_KEYS_FILE      none, see below
 *	  connection_string    OSPROFILER_CONNECTION_STRING   sqlite, see below
 *	  transport_url        OSPROFILER_TRANSPORT_URL       none
 *	  trace_sqlalchemy     OSPROFILER_TRACE_SQLALCHEMY    true (statements)
 *	  hide_params          OSPROFILER_HIDE_PARAMS         true
 *	  statement_text       OSPROFILER_STATEMENT_TEXT      full (normalized, none)
 *	  propagate            OSPROFILER_PROPAGATE           comment,startup
 *	  filter_error_trace   OSPROFILER_FILTER_ERROR_TRACE  false
 *	  project              OSPROFILER_PROJECT             none
 *	  service              OSPROFILER_SERVICE             none
 *	  run_directory        OSPROFILER_RUN_DIR             see rundir.h
 *	  ring_size            OSPROFILER_RING_SIZE           OSP_RING_DEFAULT
 *	  ring_total           OSPROFILER_RING_TOTAL          128 MB
 *	  on_full              OSPROFILER_ON_FULL             drop (or wait)
 *	  spool_limit          OSPROFILER_SPOOL_LIMIT         256 MB
 *
 * The brokers of messaging:// may also be configured as for the service itself: if
 * [profiler] has no transport_url, that of [oslo_messaging_notifications] is used, or
 * else that of [DEFAULT]. Then settings of [oslo_messaging_rabbit] become options of
 * the connection string: amqp_durable_queues becomes durable=1, rabbit_quorum_queue
 * declare=0, ssl ssl=1, and ssl_ca_file ssl_ca_file.
 *
 * Upstream's sentinel_service_name in [profiler] becomes the path of a
 * redissentinel://host that has no path.
 *
 * The file is named by OSPROFILER_CONF. In the environment only, OSPROFILER_TRACE_INFO
 * and OSPROFILER_TRACE_HMAC carry a context, and OSPROFILER_SQLITE_POINTS says what is
 * recorded of SQLite's statements.
 *
 * Without a connection string traces go to the SQLite database
 * $XDG_STATE_HOME/osprofiler/traces.db (~/.local/state if XDG_STATE_HOME is not
 * set, the user's entry in the system's database if HOME is not set either).
 * The command osprofiler reads $XDG_CONFIG_HOME/osprofiler/hmac_keys (~/.config if
 * XDG_CONFIG_HOME is not set) if no keys are configured and the file is there.
 * Set-uid programs read no variable.
 */
#ifndef OSP_CONFIG_H
#define OSP_CONFIG_H

#include "osprofiler/base.h"
#include "record/ring.h"
#include "sql/sql_text.h"

/* All texts are owned by the config and never NULL. */
typedef struct osp_config
{
	bool enabled;
	bool enabled_given; /* enabled was set; else it follows from the keys */
	bool trace_sqlalchemy;
	bool hide_params; /* values of parameters are not recorded */
	bool filter_error_trace;
	bool bus_is_durable; /* oslo.messaging declares durable queues */
	bool bus_is_quorum;  /* oslo.messaging declares quorum queues */
	bool bus_has_tls;
	char *
		sentinel_service; /* whose master the sentinels are asked for, or empty */
	char *bus_ca_file;    /* authorities to trust; empty: the system's */
	osp_statement_text statement_text;
	osp_on_full on_full;
	size_t ring_size;
	uint64_t ring_total;
	uint64_t spool_limit;
	char *hmac_keys;
	char *hmac_keys_file;
	char *connection_string;
	char *transport_url; /* the brokers of messaging:// */
	char *propagate;     /* how libpq's hooks send it; docs/client.md */
	char *sqlite_points; /* what osprofiler/sqlite.h reads for itself */
	char *project;
	char *service;
	char *run_directory;
	char *trace_info;
	char *trace_hmac;
	const osp_allocator *alc;
} osp_config;

/*
 * Fills *config. path names the ini file; NULL: the file that OSPROFILER_CONF
 * names, if it is set. A value that is not allowed, a line that is not a
 * setting, or a file that cannot be read is OSP_EINVAL or OSP_EIO, with file,
 * line and what is allowed; unknown keys of the section are skipped, as
 * upstream does. Reading the file may also fail with OSP_ENOENT, OSP_EPERM or
 * OSP_ENOMEM. On failure nothing is left to free.
 *
 * connection_string is empty if none is configured, see
 * osp_config_need_connection. Variables that are set to nothing count as not set.
 */
osp_status osp_config_load(osp_config *config, const osp_allocator *alc,
						   const char *path, osp_error *err) OSP_MUST_CHECK;
void osp_config_term(osp_config *config);

/* A setting's key in the file and its variable in the environment. */
typedef struct osp_config_name
{
	const char *key; /* NULL: only in the environment */
	const char *variable;
} osp_config_name;

/* Gets the names of setting number i, counted from 0; false: there are fewer. */
bool osp_config_name_get(size_t i, osp_config_name *out) OSP_MUST_CHECK;

/*
 * Writes the default collector (see the top of this file) as a terminated
 * sqlite:////absolute/path. OSP_ENOENT: there is no home directory. OSP_EFULL:
 * size is too small. May read the system's user database, so only the project's
 * own programs call it.
 */
osp_status osp_config_default_connection(char *out, size_t size,
										 osp_error *err) OSP_MUST_CHECK;

/*
 * Writes the absolute path of the default file of keys (see the top of this file);
 * fails like osp_config_default_connection. The file need not exist.
 */
osp_status osp_config_default_keys_file(char *out, size_t size,
										osp_error *err) OSP_MUST_CHECK;

/* Sets hmac_keys_file to the default if no keys are configured and that file exists.
 * OSP_ENOMEM. May read the system's user database. */
osp_status osp_config_need_keys(osp_config *config,
								osp_error *err) OSP_MUST_CHECK;

/*
 * Replaces the configured collector by the one of a command line (NULL or
 * empty: keep it), and completes messaging:// in connection_string by the hosts
 * of transport_url. OSP_EINVAL, OSP_ENOMEM.
 */
osp_status osp_config_set_collector(osp_config *config,
									const char *connection_string,
									const char *transport_url,
									osp_error *err) OSP_MUST_CHECK;

/* Sets connection_string to the default if it is empty; fails like
 * osp_config_default_connection. All programs that write to a collector or read from
 * one call it. */
osp_status osp_config_need_connection(osp_config *config,
									  osp_error *err) OSP_MUST_CHECK;

#endif /* OSP_CONFIG_H */
