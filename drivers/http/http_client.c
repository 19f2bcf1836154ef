/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client.c
 *	  HTTP requests to a collector, by libcurl.
 */
#include "http/http_client.h"

#include <pthread.h>

#include "record/clock.h"

#define NS_PER_MS       INT64_C(1000000)
#define NS_PER_S        INT64_C(1000000000)
#define SLICE_MS        50
#define URL_MAX         ((size_t) 64 * 1024)
#define RETRY_AFTER_MAX 300 /* seconds; a longer time is reduced to it */
#define SHOWN_MAX       150 /* bytes of an answer in a message */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	(void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Appends bytes to the answer. If it gets too long, the transfer ends. */
static size_t
take_answer(char *bytes, size_t size, size_t count, void *ctx)
{
	osp_http *http = ctx;

	osp_buf_add(&http->answer, bytes, size * count);
	return osp_buf_status(&http->answer) == OSP_OK ? size * count : 0;
}

static bool
add_header(osp_http *http, const char *line)
{
	struct curl_slist *longer = curl_slist_append(http->headers, line);

	if (longer != NULL)
		http->headers = longer;
	return longer != NULL;
}

static bool
add_headers(osp_http *http)
{
	const osp_http_target *target = http->target;
	const char *line = target->headers.ptr;
	const char *end = line + target->headers.len;
	char type[80] = "Content-Type: ";

	(void) strncat(type, target->kind->content_type, sizeof(type) - 15);
	if (!add_header(http, type) || !add_header(http, "Expect:"))
		return false;
	if (target->gzip && !add_header(http, "Content-Encoding: gzip"))
		return false;
	for (; line < end; line += strlen(line) + 1)
		if (!add_header(http, line))
			return false;
	return true;
}

/*
 * Sets the options of all requests. The last two fail with a libcurl without
 * TLS; the others fail only for lack of memory.
 */
static bool
set_options(osp_http *http)
{
	const osp_http_target *target = http->target;
	CURL *easy = http->easy;
	bool good =
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "osprofiler/" OSP_VERSION) ==
		CURLE_OK;

	(void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void) curl_easy_setopt(
		easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	(void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	(void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
	(void) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->reason);
	(void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	(void) curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long) http->wait->timeout_ms);
	if (!target->environment_proxy)
		good = good && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	if (target->login != NULL)
		good = good && curl_easy_setopt(easy, CURLOPT_USERPWD, target->login) ==
						   CURLE_OK;
	if (target->ca != NULL)
		good = good &&
			   curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca) == CURLE_OK;
	return good;
}

static osp_status
cannot_begin(const osp_http *http, osp_error *err)
{
	return osp_error_set(
		err, OSP_ENOMEM, "%s: libcurl cannot begin", http->target->kind->name);
}

osp_status
osp__http_init(osp_http *http, const osp_http_target *target,
			   const osp_wait *wait, size_t answer_max, osp_error *err)
{
	memset(http, 0, sizeof(*http));
	http->wait = wait;
	http->target = target;
	osp_buf_init(&http->url, target->alc, URL_MAX);
	osp_buf_init(&http->answer, target->alc, answer_max);
	(void) pthread_once(&once, init_curl);
	http->easy = curl_easy_init();
	http->multi = curl_multi_init();
	if (http->easy == NULL || http->multi == NULL || !add_headers(http) ||
		!set_options(http))
		return cannot_begin(http, err);
	return OSP_OK;
}

void
osp__http_term(osp_http *http)
{
	if (http->target == NULL)
		return;
	curl_easy_cleanup(http->easy);
	(void) curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
	osp_buf_term(&http->url);
	osp_buf_term(&http->answer);
}

static osp_status
is_silent(const osp_http *http, bool sent, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "%s: %s %s within %u ms",
						 http->target->kind->name,
						 http->target->where,
						 sent ? "does not answer" : "takes nothing in",
						 http->wait->timeout_ms);
}

/* Waits until the transfer has ended; *code is its result. */
static osp_status
transfer(osp_http *http, size_t size, CURLcode *code, osp_error *err)
{
	int64_t limit_ns = (int64_t) http->wait->timeout_ms * NS_PER_MS;
	int64_t moved_ns = osp_mono_now();
	curl_off_t sent = 0;
	int running = 1;

	for (;;)
	{
		osp_status status = osp__wait_check(http->wait);
		curl_off_t sent_now = 0;
		const CURLMsg *message;
		int left;

		if (status != OSP_OK)
			return osp_error_set(err,
								 status,
								 "%s: %s: %s",
								 http->target->kind->name,
								 http->target->where,
								 status == OSP_EINTR ? "interrupted"
													 : "it takes too long");
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return cannot_begin(http, err);
		message = curl_multi_info_read(http->multi, &left);
		if (message != NULL)
		{
			*code = message->data.result;
			return OSP_OK;
		}
		(void) curl_easy_getinfo(http->easy, CURLINFO_SIZE_UPLOAD_T, &sent_now);
		if (sent_now != sent)
			moved_ns = osp_mono_now();
		sent = sent_now;
		if (osp_mono_now() - moved_ns > limit_ns)
			return is_silent(http, sent >= (curl_off_t) size, err);
		(void) curl_multi_poll(http->multi, NULL, 0, SLICE_MS, NULL);
	}
}

/* How much of the answer is text that a person can read, for a message. */
static int
shown_length(const osp_http *http)
{
	size_t len = http->answer.len < SHOWN_MAX ? http->answer.len : SHOWN_MAX;
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char) http->answer.ptr[i] < ' ' ||
			(unsigned char) http->answer.ptr[i] > '~')
			break;
	return (int) i;
}

/* Returns a part of a URL, owned (curl_free); empty if there is none. */
static char *
url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/*
 * Reports a redirection. It is not followed, since the login is meant for the
 * server that was named. Only the server's part of the new address is shown:
 * the rest may contain a secret.
 */
static osp_status
report_redirection(const osp_http *http, const char *address, osp_status status,
				   osp_error *err)
{
	CURLU *url = curl_url();
	char *scheme = NULL;
	char *host = NULL;
	char *port = NULL;

	if (url != NULL &&
		curl_url_set(url, CURLUPART_URL, address, CURLU_NON_SUPPORT_SCHEME) ==
			CURLUE_OK)
	{
		scheme = url_part(url, CURLUPART_SCHEME);
		host = url_part(url, CURLUPART_HOST);
		port = url_part(url, CURLUPART_PORT);
	}
	(void) osp_error_set(
		err,
		status,
		"%s: %s answers %ld: it sends others to %.20s://%.100s%s%.8s, which is "
		"not followed; name the server itself",
		http->target->kind->name,
		http->target->where,
		http->status,
		scheme != NULL ? scheme : "?",
		host != NULL ? host : "?",
		port != NULL ? ":" : "",
		port != NULL ? port : "");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return status;
}

osp_status
osp__http_report(const osp_http *http, osp_status status, const char *advice,
				 osp_error *err)
{
	int shown = shown_length(http);
	char *address = NULL;

	(void) curl_easy_getinfo(http->easy, CURLINFO_REDIRECT_URL, &address);
	if (address != NULL)
		return report_redirection(http, address, status, err);
	return osp_error_set(err,
						 status,
						 "%s: %s answers %ld%s%s%.*s",
						 http->target->kind->name,
						 http->target->where,
						 http->status,
						 advice,
						 shown > 0 ? ": " : "",
						 shown,
						 shown > 0 ? http->answer.ptr : "");
}

void
osp__http_heed_retry_after(osp_http *http)
{
	curl_off_t seconds = 0;

	(void) curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds > RETRY_AFTER_MAX)
		seconds = RETRY_AFTER_MAX;
	if (seconds > 0)
		http->not_before_ns = osp_mono_now() + (int64_t) seconds * NS_PER_S;
}

static osp_status
report_failure(const osp_http *http, CURLcode code, osp_error *err)
{
	osp_status status = osp_buf_status(&http->answer);

	if (status == OSP_EFULL)
		return osp_error_set(err,
							 OSP_EFULL,
							 "%s: %s answers with more than %zu kB",
							 http->target->kind->name,
							 http->target->where,
							 http->answer.max / 1024);
	return osp_error_set(err,
						 status == OSP_ENOMEM ? OSP_ENOMEM : OSP_EUNAVAIL,
						 "%s: cannot send to %s: %s",
						 http->target->kind->name,
						 http->target->where,
						 http->reason[0] != '\0' ? http->reason
												 : curl_easy_strerror(code));
}

/* Sets the options of one request. */
static bool
set_request(osp_http *http, const char *method, const char *path, osp_str body)
{
	CURL *easy = http->easy;
	bool post = body.len > 0 || strcmp(method, "POST") == 0;

	osp_buf_reset(&http->url);
	osp_buf_addf(&http->url, "%s%s", http->target->url, path);
	osp_buf_reset(&http->answer);
	http->status = 0;
	http->reason[0] = '\0';
	(void) curl_easy_setopt(easy, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	if (post)
	{
		(void) curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
		(void) curl_easy_setopt(
			easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) body.len);
	}
	return osp_buf_status(&http->url) == OSP_OK &&
		   curl_easy_setopt(easy, CURLOPT_URL, http->url.ptr) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

osp_status
osp__http_request(osp_http *http, const char *method, const char *path,
				  osp_str body, osp_error *err)
{
	CURLcode code = CURLE_OK;
	osp_status status;
	int64_t left_s =
		(http->not_before_ns - osp_mono_now() + NS_PER_S - 1) / NS_PER_S;

	if (left_s > 0)
		return osp_error_set(err,
							 OSP_EUNAVAIL,
							 "%s: %s asked not to be sent anything for %lld s",
							 http->target->kind->name,
							 http->target->where,
							 (long long) left_s);
	if (!set_request(http, method, path, body) ||
		curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return cannot_begin(http, err);
	status = transfer(http, body.len, &code, err);
	if (status == OSP_OK && code != CURLE_OK)
		status = report_failure(http, code, err);
	if (status == OSP_OK)
		(void) curl_easy_getinfo(
			http->easy, CURLINFO_RESPONSE_CODE, &http->status);
	(void) curl_multi_remove_handle(http->multi, http->easy);
	return status;
}
