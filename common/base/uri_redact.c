/* SPDX-License-Identifier: Apache-2.0
 *
 * uri_redact.c
 *	  Hides all possible secrets in connection strings that messages and logs show.
 *
 * A connection string is often shown because something is wrong with it, so it
 * may be malformed. Only what is known to be harmless is shown: the scheme, the
 * user, hosts and ports, the path, and the values of options that are not
 * secret. The value of an unknown option, such as a mistyped one, is hidden.
 */
#include <strings.h>

#include "base/uri.h"
#include "osprofiler/driver.h"

#define SEPARATOR "://"
#define HIDDEN    "***"
#define PORT_MAX  65535

/* The shown text, which is cut to the memory that is left. */
typedef struct shown_text
{
	char *next;
	size_t left; /* free bytes, without the NUL */
} shown_text;

static void
show(shown_text *out, osp_str text)
{
	size_t len = text.len < out->left ? text.len : out->left;
	size_t i;

	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text.ptr[i];

		out->next[i] = c < ' ' || c == 0x7f ? '?' : (char) c;
	}
	out->next += len;
	out->left -= len;
}

/* Appends the first len bytes of text to out and removes them from text. */
static void
show_front(shown_text *out, osp_str *text, size_t len)
{
	show(out, osp_str_n(text->ptr, len));
	*text = osp_str_n(text->ptr + len, text->len - len);
}

/* The index of the first of chars in text, or the length of text. */
static size_t
find_any(osp_str text, const char *chars)
{
	size_t i = 0;

	while (i < text.len &&
		   (text.ptr[i] == '\0' || strchr(chars, text.ptr[i]) == NULL))
		i++;
	return i;
}

/* The index where a leading name of letters, digits and the like ends. */
static size_t
word_end(osp_str text)
{
	size_t i = 0;

	while (i < text.len &&
		   ((text.ptr[i] >= '0' && text.ptr[i] <= '9') ||
			((text.ptr[i] | 0x20) >= 'a' && (text.ptr[i] | 0x20) <= 'z') ||
			(text.ptr[i] != '\0' && strchr("_-.+", text.ptr[i]) != NULL)))
		i++;
	return i;
}

/* ---- options ---- */

static bool
holds(osp_str text, const char *word)
{
	size_t len = strlen(word);
	size_t i;

	for (i = 0; i + len <= text.len; i++)
		if (strncasecmp(text.ptr + i, word, len) == 0)
			return true;
	return false;
}

/* Options of the drivers, and those of libpq, whose values are not secret. */
static const char harmless[] =
	" ca ssl ttl user host port topic proxy resource options "
	/* redis */
	"db legacy sentinel_user ssl_ca_certs ssl_certfile ssl_keyfile "
	"ssl_cert_reqs ssl_check_hostname "
	/* otlp */
	"headers_file compression statement_text unfinished "
	/* messaging */
	"exchange durable declare idle_timeout ssl_ca_file "
	/* mysql */
	"ssl_ca ssl_cert ssl_key ssl_verify_cert ssl_verify_identity unix_socket "
	"charset "
	/* sqlite */
	"keep max_size "
	/* mongodb */
	"appname authMechanism authSource compressors connectTimeoutMS "
	"directConnection loadBalanced maxPoolSize readConcernLevel "
	"readPreference replicaSet retryReads retryWrites "
	"serverSelectionTimeoutMS socketTimeoutMS tls tlsCAFile "
	"tlsCertificateKeyFile w wtimeoutMS "
	/* libpq */
	"hostaddr dbname sslmode sslcert sslkey sslrootcert sslcrl sslcrldir "
	"sslcompression sslnegotiation sslsni ssl_min_protocol_version "
	"ssl_max_protocol_version gssencmode krbsrvname requirepeer "
	"channel_binding connect_timeout client_encoding application_name "
	"fallback_application_name keepalives keepalives_idle "
	"keepalives_interval keepalives_count tcp_user_timeout "
	"target_session_attrs load_balance_hosts passfile service "
	"servicefile require_auth sslcertmode gsslib gssdelegation replication ";

static bool
is_harmless(osp_str name)
{
	const char *at = harmless;

	if (name.len == 0 || word_end(name) < name.len)
		return false;
	while ((at = strchr(at, ' ')) != NULL && at[1] != '\0')
	{
		at++;
		if (strncmp(at, name.ptr, name.len) == 0 && at[name.len] == ' ')
			return true;
	}
	return false;
}

/* Does the name look like that of an option with a secret? Such a name is shown: it is
 * not part of a secret itself. */
static bool
is_secret_name(osp_str name)
{
	static const char *const words[] = {
		"pass", "pwd", "secret", "token", "key", "header"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (holds(name, words[i]))
			return true;
	return false;
}

/*
 * Shows one NAME=VALUE. after_hidden: an earlier value was hidden, and it may go on
 * here if it holds a raw separator; so an unknown name is hidden, too.
 */
static void
show_option(shown_text *out, osp_str option, bool *after_hidden)
{
	size_t equals = find_any(option, "=");
	osp_str name = osp_str_n(option.ptr, equals);
	bool known = is_harmless(name);
	bool named = equals < option.len && word_end(name) == equals &&
				 (known || !*after_hidden || is_secret_name(name));

	if (option.len == 0)
		return;
	if (known && named)
	{
		show(out, option);
		return;
	}
	if (named)
		show(out, osp_str_n(option.ptr, equals + 1));
	show(out, OSP_STR(HIDDEN));
	*after_hidden = true;
}

static void
show_options(shown_text *out, osp_str text, const char *separators)
{
	bool after_hidden = false;

	while (text.len > 0)
	{
		size_t end = find_any(text, separators);

		show_option(out, osp_str_n(text.ptr, end), &after_hidden);
		text = osp_str_n(text.ptr + end, text.len - end);
		if (text.len > 0)
			show_front(out, &text, 1);
	}
}

/* ---- the part before the options ---- */

/* The index of the last host's port, including its colon. */
static size_t
port_begin(osp_str host)
{
	const char *bracket = memrchr(host.ptr, ']', host.len);
	size_t name = bracket != NULL ? (size_t) (bracket - host.ptr) : 0;

	return name + find_any(osp_str_n(host.ptr + name, host.len - name), ":");
}

static bool
is_port(osp_str text)
{
	unsigned long port = 0;
	size_t i;

	for (i = 0; i < text.len && port <= PORT_MAX; i++)
	{
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		port = port * 10 + (unsigned long) (text.ptr[i] - '0');
	}
	return port <= PORT_MAX;
}

/* Is each of these hosts, which have no login, followed by a port or by nothing? */
static bool
has_good_ports(osp_str hosts)
{
	while (hosts.len > 0)
	{
		size_t end = find_any(hosts, ",");
		osp_str host = osp_str_n(hosts.ptr, end);
		size_t colon = port_begin(host);

		if (colon < end &&
			(colon == 0 ||
			 !is_port(osp_str_n(host.ptr + colon + 1, end - colon - 1))))
			return false;
		hosts = osp_str_n(hosts.ptr + end, hosts.len - end);
		if (hosts.len > 0)
			hosts = osp_str_n(hosts.ptr + 1, hosts.len - 1);
	}
	return true;
}

/* Does this scheme always have a path behind it, and no host? */
static bool
is_of_file(osp_str scheme)
{
	return osp_str_eq(scheme, OSP_STR("file")) ||
		   (scheme.len >= 6 && memcmp(scheme.ptr, "sqlite", 6) == 0);
}

/*
 * The index of the "@" that ends a login in rest; 0: there is no login. When in
 * doubt, the text is treated as a login: people write passwords with a raw
 * slash or question mark.
 */
static size_t
login_end(osp_str scheme, osp_str rest)
{
	size_t authority = find_any(rest, "/?#");
	const char *at;

	if (is_of_file(scheme) && authority == 0)
		return 0;
	at = memrchr(rest.ptr, '@', find_any(rest, "?"));
	if (at == NULL && !has_good_ports(osp_str_n(rest.ptr, authority)))
		at = memrchr(rest.ptr, '@', rest.len);
	return at != NULL ? (size_t) (at - rest.ptr) : 0;
}

/* Shows the login without its password and removes it from rest. The text
 * behind a raw "@" in the login is hidden too, because it may be part of the
 * password. */
static void
show_login(shown_text *out, osp_str *rest, size_t end)
{
	size_t colon = find_any(osp_str_n(rest->ptr, end), ":@");

	show(out, osp_str_n(rest->ptr, colon));
	if (colon < end)
		show(out, OSP_STR(":" HIDDEN));
	*rest = osp_str_n(rest->ptr + end, rest->len - end);
}

static void
show_uri(shown_text *out, osp_str scheme, osp_str rest)
{
	size_t end = login_end(scheme, rest);
	size_t hosts;

	show_login(out, &rest, end);
	hosts = find_any(rest, "/?#");

	/* If the "@" was forgotten, the password stands in place of a port. */
	if (end == 0 && !has_good_ports(osp_str_n(rest.ptr, hosts)))
		show_login(out, &rest, hosts);
	end = find_any(rest, "?#");
	show_front(out, &rest, end < rest.len ? end + 1 : end);
	show_options(out, rest, "&");
}

/* Shows libpq settings (name=value), or a string whose scheme is malformed. */
static void
show_without_scheme(shown_text *out, osp_str text)
{
	size_t word = word_end(text);

	if (word < text.len && text.ptr[word] != '=')
	{
		show_front(out, &text, word);
		if (find_any(text, "& \t") > 0)
		{
			show_front(out, &text, text.ptr[0] == ':' ? 1 : 0);
			show(out, OSP_STR(HIDDEN));
			return;
		}
	}
	else if (word == text.len)
		show_front(out, &text, word);
	show_options(out, text, "& \t");
}

void
osp_connection_string_redact(osp_str connection_string, char *out, size_t size)
{
	shown_text shown = {out, size > 0 ? size - 1 : 0};
	osp_str text = connection_string;
	osp_str scheme;

	if (size == 0)
		return;
	while (text.len > 0 && (unsigned char) text.ptr[0] <= ' ')
		show_front(&shown, &text, 1);
	scheme = osp__uri_scheme(text);
	if (scheme.len > 0)
	{
		show_front(&shown, &text, scheme.len + strlen(SEPARATOR));
		show_uri(&shown, scheme, text);
	}
	else
		show_without_scheme(&shown, text);
	*shown.next = '\0';
}
