/* SPDX-License-Identifier: Apache-2.0
 *
 * otlp_http.c
 *	  Sending a request to an OTLP receiver, by libcurl.
 *
 * What becomes of a request follows the protocol's own rules for 429, 502, 503
 * and 504 (tried again) and for 400, 413 and 500 (refused). All other statuses
 * are those of a wrong address, login or proxy: somebody can set that right, so
 * the points are worth keeping.
 */
#include "otlp_http.h"

#include <pthread.h>
#include <strings.h>

#include "record/clock.h"

#define NS_PER_MS       INT64_C(1000000)
#define NS_PER_S        INT64_C(1000000000)
#define SLICE_MS        50
#define ANSWER_MAX      ((size_t) 64 * 1024)
#define RETRY_AFTER_MAX 300 /* seconds; longer ones are cut to this */
#define SHOWN_MAX       150 /* bytes of an answer in a message */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	(void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Keeps the answer. One that is too long ends the transfer. */
static size_t
take_answer(char *bytes, size_t size, size_t count, void *ctx)
{
	otlp_http *http = ctx;

	osp_buf_add(&http->answer, bytes, size * count);
	return osp_buf_status(&http->answer) == OSP_OK ? size * count : 0;
}

static bool
add_header(otlp_http *http, const char *line)
{
	struct curl_slist *longer = curl_slist_append(http->headers, line);

	if (longer != NULL)
		http->headers = longer;
	return longer != NULL;
}

static bool
add_headers(otlp_http *http, const otlp_settings *settings)
{
	const char *line = settings->headers.ptr;
	const char *end = line + settings->headers.len;

	if (!add_header(http, "Content-Type: application/x-protobuf") ||
		!add_header(http, "Expect:"))
		return false;
	if (settings->gzip && !add_header(http, "Content-Encoding: gzip"))
		return false;
	for (; line < end; line += strlen(line) + 1)
		if (!add_header(http, line))
			return false;
	return true;
}

/* Options that hold for all requests. Each but the last two can only fail for
 * want of memory, and these where a libcurl without TLS is installed. */
static bool
set_options(otlp_http *http, const otlp_settings *settings)
{
	CURL *easy = http->easy;
	bool good = curl_easy_setopt(easy, CURLOPT_URL, settings->url) == CURLE_OK;

	(void) curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void) curl_easy_setopt(easy, CURLOPT_POST, 1L);
	(void) curl_easy_setopt(
		easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	(void) curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
	(void) curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
	(void) curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->reason);
	(void) curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
	(void) curl_easy_setopt(
		easy, CURLOPT_CONNECTTIMEOUT_MS, (long) http->wait->timeout_ms);
	good = good && curl_easy_setopt(easy,
									CURLOPT_USERAGENT,
									"osprofiler/" OSP_VERSION) == CURLE_OK;
	if (!settings->environment_proxy)
		good = good && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	if (settings->login != NULL)
		good = good && curl_easy_setopt(
						   easy, CURLOPT_USERPWD, settings->login) == CURLE_OK;
	if (settings->ca != NULL)
		good = good &&
			   curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca) == CURLE_OK;
	return good;
}

osp_status
otlp_http_init(otlp_http *http, const otlp_settings *settings,
			   const osp_wait *wait, osp_error *err)
{
	memset(http, 0, sizeof(*http));
	http->wait = wait;
	http->where = settings->where;
	osp_buf_init(&http->answer, settings->alc, ANSWER_MAX);
	(void) pthread_once(&once, init_curl);
	http->easy = curl_easy_init();
	http->multi = curl_multi_init();
	if (http->easy == NULL || http->multi == NULL ||
		!add_headers(http, settings) || !set_options(http, settings))
		return osp_error_set(err, OSP_ENOMEM, "otlp: libcurl cannot begin");
	return OSP_OK;
}

void
otlp_http_term(otlp_http *http)
{
	if (http->answer.alc == NULL)
		return;
	curl_easy_cleanup(http->easy);
	(void) curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
	osp_buf_term(&http->answer);
}

static osp_status
is_silent(const otlp_http *http, bool sent, osp_error *err)
{
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "otlp: %s %s within %u ms",
						 http->where,
						 sent ? "does not answer" : "takes nothing in",
						 http->wait->timeout_ms);
}

/* Waits until the transfer is over; its result in *code. */
static osp_status
transfer(otlp_http *http, size_t size, CURLcode *code, osp_error *err)
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
								 "otlp: %s: %s",
								 http->where,
								 status == OSP_EINTR ? "interrupted"
													 : "it takes too long");
		if (curl_multi_perform(http->multi, &running) != CURLM_OK)
			return osp_error_set(err, OSP_ENOMEM, "otlp: libcurl fails");
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

/* The answer, as far as a person can read it, for a message. */
static int
shown_length(const otlp_http *http)
{
	size_t len = http->answer.len < SHOWN_MAX ? http->answer.len : SHOWN_MAX;
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char) http->answer.ptr[i] < ' ' ||
			(unsigned char) http->answer.ptr[i] > '~')
			break;
	return (int) i;
}

static osp_status
report_status(otlp_http *http, long code, osp_status status, const char *advice,
			  osp_error *err)
{
	return osp_error_set(err,
						 status,
						 "otlp: %s answers %ld%s %.*s",
						 http->where,
						 code,
						 advice,
						 shown_length(http),
						 http->answer.len > 0 ? http->answer.ptr : "");
}

static void
heed_retry_after(otlp_http *http)
{
	curl_off_t seconds = 0;

	(void) curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds > RETRY_AFTER_MAX)
		seconds = RETRY_AFTER_MAX;
	if (seconds > 0)
		http->not_before_ns = osp_mono_now() + (int64_t) seconds * NS_PER_S;
}

/* An answer to spans that were taken. Of one that is JSON, which some send
 * whatever they were sent, nothing more is read. */
static osp_status
read_success(otlp_http *http, otlp_answer *answer, osp_error *err)
{
	const char *type = NULL;

	(void) curl_easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL && strncasecmp(type, "application/json", 16) == 0)
		return OSP_OK;
	if (otlp_answer_read(osp_buf_str(&http->answer), answer))
		return OSP_OK;
	return osp_error_set(err,
						 OSP_EUNAVAIL,
						 "otlp: %s answers what is not OTLP (is it a "
						 "collector, with the path that it receives traces "
						 "at?)",
						 http->where);
}

static osp_status
judge(otlp_http *http, otlp_answer *answer, osp_error *err)
{
	long code = 0;

	(void) curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &code);
	if (code >= 200 && code < 300)
		return read_success(http, answer, err);
	switch (code)
	{
		case 400:
		case 413:
		case 500:
			return report_status(http, code, OSP_EREFUSED, ":", err);
		case 401:
		case 403:
			return report_status(http,
								 code,
								 OSP_EUNAVAIL,
								 " (give a login: otlp://USER:PASSWORD@HOST, "
								 "?header= or ?headers_file=):",
								 err);
		case 404:
		case 405:
			return report_status(http,
								 code,
								 OSP_EUNAVAIL,
								 " (give the path at which it receives traces: "
								 "otlp://HOST/PATH):",
								 err);
		case 429:
		case 502:
		case 503:
		case 504:
			heed_retry_after(http);
			return report_status(http, code, OSP_EUNAVAIL, ":", err);
		default:
			return report_status(http, code, OSP_EUNAVAIL, ":", err);
	}
}

static osp_status
report_failure(otlp_http *http, CURLcode code, osp_error *err)
{
	const char *reason =
		http->reason[0] != '\0' ? http->reason : curl_easy_strerror(code);

	if (osp_buf_status(&http->answer) == OSP_EFULL)
		reason = "it answers with more than 64 kB";
	return osp_error_set(
		err,
		osp_buf_status(&http->answer) == OSP_ENOMEM ? OSP_ENOMEM : OSP_EUNAVAIL,
		"otlp: cannot send to %s: %s",
		http->where,
		reason);
}

osp_status
otlp_http_post(otlp_http *http, osp_str body, otlp_answer *answer,
			   osp_error *err)
{
	CURLcode code = CURLE_OK;
	osp_status status;
	int64_t left_s =
		(http->not_before_ns - osp_mono_now() + NS_PER_S - 1) / NS_PER_S;

	answer->rejected = 0;
	answer->message = OSP_STR("");
	if (left_s > 0)
		return osp_error_set(err,
							 OSP_EUNAVAIL,
							 "otlp: %s asked not to be sent anything for "
							 "%lld s",
							 http->where,
							 (long long) left_s);
	osp_buf_reset(&http->answer);
	http->reason[0] = '\0';
	(void) curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body.ptr);
	(void) curl_easy_setopt(
		http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) body.len);
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
		return osp_error_set(err, OSP_ENOMEM, "otlp: libcurl cannot begin");
	status = transfer(http, body.len, &code, err);
	if (status == OSP_OK && code != CURLE_OK)
		status = report_failure(http, code, err);
	else if (status == OSP_OK)
		status = judge(http, answer, err);
	(void) curl_multi_remove_handle(http->multi, http->easy);
	return status;
}
