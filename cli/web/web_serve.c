/* SPDX-License-Identifier: Apache-2.0
 *
 * web_serve.c
 *	  The server of `osprofiler web`.
 *
 * libmicrohttpd has a thread for each connection, so that none waits for
 * another one's collector. The main thread waits for the end. Signals are
 * blocked in all threads, and the main thread waits for them, so that nothing
 * is done in a handler.
 */
#include "web/web_serve.h"

#include "cli.h"
#include "out.h"
#include "web/web_address.h"
#include "web/web_connections.h"
#include "web/web_guard.h"
#include "web/web_head.h"
#include "web/web_reader.h"
#include "web/web_trace.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* How long, in seconds, requests that are being answered may delay the end. */
#define END_S 3

#define MAPPED_BYTES (512 * 1024)

/* --- requests --- */

static void
answer_start(const web_request *request, web_answer *answer)
{
	(void) request;
	web_answer_page(answer, MHD_HTTP_OK, OSP_STR("{\"view\": \"list\"}"));
}

static const struct
{
	const char *path; /* without the part of the site */
	void (*answer)(const web_request *request, web_answer *answer);
} routes[] = {
	{"", answer_start},
	{"traces", web_answer_list},
	{"trace", web_answer_trace},
	{"compare", web_answer_compare},
};

/*
 * Answers a request that has the token with the cookie, and with a page that
 * leads on to the address without the token. A redirect would not do: if a link
 * of another site began the request, the browser does not send a strict cookie.
 */
static void
answer_token(const web_site *site, web_answer *answer)
{
	web_answer_text(answer, MHD_HTTP_OK, "The traces follow.");
	(void) snprintf(answer->cookie,
					sizeof(answer->cookie),
					"%s=%s; Path=%s; HttpOnly; SameSite=Strict",
					site->cookie,
					site->token,
					site->path);
	(void) snprintf(
		answer->refresh, sizeof(answer->refresh), "0; url=%s", site->path);
}

static void
answer_nothing(web_answer *answer)
{
	web_answer_text(answer, MHD_HTTP_NOT_FOUND, "There is no such page.");
}

static void
answer_path(const web_request *request, const char *path, web_answer *answer)
{
	size_t len = strlen(request->site->path);
	size_t i;

	if (strncmp(path, request->site->path, len) == 0)
		for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
			if (strcmp(path + len, routes[i].path) == 0)
			{
				routes[i].answer(request, answer);
				return;
			}
	answer_nothing(answer);
}

/*
 * Answers a request once its head has arrived; a body is not read. An
 * MHD_AccessHandlerCallback; *state is the result of web_head_address().
 */
static enum MHD_Result
answer_request(void *ctx, struct MHD_Connection *connection, const char *path,
			   const char *method, const char *version, const char *upload,
			   size_t *upload_size, void **state)
{
	web_request request = {(const web_site *) ctx, connection};
	unsigned status = MHD_HTTP_OK;
	enum MHD_Result sent;
	bool cut = *state == web_head_cut;
	const char *refusal;
	web_answer answer;

	(void) version;
	(void) upload;
	(void) upload_size;
	web_connection_asked(connection);
	if (*state == web_head_answered || web_head_refused(connection))
		return MHD_NO;
	web_answer_init(&answer);
	refusal = web_guard_refusal(&request, method, &status);
	if (refusal != NULL)
		web_answer_text(&answer, status, refusal);
	else if (!cut && strcmp(path, "/") == 0 && web_guard_has_token(&request))
		answer_token(request.site, &answer);
	else if (!cut && strcmp(path, "/favicon.ico") == 0)
		answer.status = MHD_HTTP_NO_CONTENT;
	else if (!web_guard_has_cookie(&request))
		web_answer_text(&answer,
						MHD_HTTP_FORBIDDEN,
						"Open the address that 'osprofiler web' has printed: "
						"it has a token.");
	else if (cut)
		answer_nothing(&answer);
	else
		answer_path(&request, path, &answer);
	sent = web_answer_send(&answer, connection);
	web_answer_term(&answer);
	return sent;
}

/* --- beginning and end of the server --- */

/*
 * Blocks the signals that end the server. A signal that nohup or a shell has
 * ignored stays ignored.
 */
static void
block_signals(sigset_t *signals)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action;
	size_t i;

	(void) sigemptyset(signals);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &action) == 0 &&
			action.sa_handler != SIG_IGN)
			(void) sigaddset(signals, ends[i]);
	(void) pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* Does stdout still lead to a terminal, or to a reader of the pipe? */
static bool
is_watched(void)
{
	struct pollfd out = {STDOUT_FILENO, 0, 0};

	return poll(&out, 1, 0) == 0 ||
		   (out.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

static void
wait_for_end(const sigset_t *signals)
{
	static const struct timespec second = {1, 0};

	while (sigtimedwait(signals, NULL, &second) < 0 && is_watched())
		web_connections_sweep();
}

static int
print_address(const web_site *site, const web_address *address)
{
	cli_out out;

	if (!address->loopback)
		(void) cli_error("warning: other hosts can reach %s: whoever sees the "
						 "address or the traffic, which is not encrypted, can "
						 "read all traces",
						 address->host);
	if (cli_out_open(&out, NULL) != CLI_OK)
		return CLI_FAILED;
	cli_out_printf(&out,
				   "http://%s:%u/?token=%s\n"
				   "Open this address in a browser. Ctrl+C ends the server.\n",
				   address->host,
				   address->port,
				   site->token);
	cli_out_flush(&out);
	return out.error == 0 ? CLI_OK : cli_out_close(&out);
}

static void
end_at_once(int signo)
{
	(void) signo;
	_exit(CLI_OK);
}

static void
stop(struct MHD_Daemon *daemon)
{
	(void) signal(SIGALRM, end_at_once);
	(void) alarm(END_S);
	web_readers_stop();
	web_mhd.stop_daemon(daemon);
	(void) alarm(0);
}

/*
 * Has the C library return large blocks to the system when they are freed.
 * Otherwise its threshold for that rises with the size of freed blocks, and
 * each thread's memory keeps them.
 */
static void
bound_memory(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
#endif
}

static int
serve_at(web_site *site, const web_address *address)
{
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int result;

	bound_memory();
	block_signals(&signals);
	daemon = web_mhd.start_daemon(MHD_USE_THREAD_PER_CONNECTION |
									  MHD_USE_INTERNAL_POLLING_THREAD |
									  MHD_USE_POLL | MHD_USE_ITC,
								  0,
								  NULL,
								  NULL,
								  answer_request,
								  site,
								  MHD_OPTION_LISTEN_SOCKET,
								  address->fd,
								  MHD_OPTION_CONNECTION_LIMIT,
								  (unsigned) WEB_CONNECTIONS_MAX,
								  MHD_OPTION_CONNECTION_TIMEOUT,
								  (unsigned) WEB_IDLE_S,
								  MHD_OPTION_CONNECTION_MEMORY_LIMIT,
								  WEB_HEAD_MEMORY,
								  MHD_OPTION_URI_LOG_CALLBACK,
								  web_head_address,
								  NULL,
								  MHD_OPTION_STRICT_FOR_CLIENT,
								  1,
								  MHD_OPTION_NOTIFY_CONNECTION,
								  web_connection_changed,
								  NULL,
								  MHD_OPTION_NOTIFY_COMPLETED,
								  web_connection_answered,
								  NULL,
								  MHD_OPTION_END);
	if (daemon == NULL)
	{
		(void) close(address->fd);
		return cli_error("cannot start the server");
	}
	result = print_address(site, address);
	if (result == CLI_OK)
		wait_for_end(&signals);
	stop(daemon);
	return result;
}

/*
 * Opens the collector and closes it again. CLI_FAILED after a message: it
 * cannot be opened, or lacks these abilities.
 */
static int
try_collector(const cli_collector *given, unsigned flags)
{
	cli_collector collector = *given;
	int result = cli_collector_open(&collector);

	if (result == CLI_OK && (collector.driver->flags & flags) != flags)
		result = cli_error("traces cannot be read from %s", collector.shown);
	cli_collector_close(&collector);
	return result;
}

/*
 * Reports a wrong connection string now rather than in a browser. A collector
 * that cannot be reached is no error: it may come back.
 */
static int
try_collectors(const cli_source *source)
{
	int result = try_collector(&source->collector, OSP_DRIVER_CAN_LIST);
	size_t i;

	for (i = 0; i < source->others.collector_count && result == CLI_OK; i++)
		result =
			try_collector(&source->others.collectors[i], OSP_DRIVER_CAN_READ);
	return result;
}

int
web_serve(const cli_source *source, const char *listen)
{
	web_address address;
	web_site site;
	int result = try_collectors(source);

	if (result == CLI_OK)
		result = web_library_load();
	if (result == CLI_OK)
		result = web_address_listen(listen, &address);
	if (result != CLI_OK)
		return result;
	memset(&site, 0, sizeof(site));
	site.source = *source;
	site.loopback = address.loopback;
	memcpy(site.host, address.host, sizeof(site.host));
	if (!web_guard_init(&site, address.port))
		return cli_error("this system gives no random numbers");
	return serve_at(&site, &address);
}
