/* SPDX-License-Identifier: Apache-2.0
 *
 * check_keys.c
 *	  Is there a key that signs contexts, in a file that only its owner can read?
 */
#include "doctor/doctor.h"

#include <sys/stat.h>

static void
report_file(doctor_result *r, const char *path, const osp_error *err)
{
	struct stat st;

	doctor_wrong(r, "%s", err->msg);
	if (err->code == OSP_EPERM && stat(path, &st) == 0 &&
		(st.st_mode & 077) != 0)
	{
		doctor_mend(r, "chmod 600 ");
		doctor_mend_word(r, path);
	}
	else
		doctor_advise(r,
					  "correct OSPROFILER_HMAC_KEYS_FILE (hmac_keys_file), or "
					  "the file");
}

static void
report_none(doctor_result *r)
{
	doctor_wrong(r,
				 "there is no key, so nothing is traced but by "
				 "'osprofiler run', which makes one that no server knows");
	doctor_advise(r, "a new key, for the server's file of keys too:");
	doctor_mend(r,
				"export OSPROFILER_HMAC_KEYS=$(od -An -N16 -tx1 /dev/urandom "
				"| tr -d ' \\n')");
}

void
check_keys(doctor *d, doctor_result *r)
{
	const char *file = d->config.hmac_keys_file;
	osp_error err = {OSP_OK, ""};
	osp_status status = osp_keyring_new(&osp_allocator_default,
										osp_str_of(d->config.hmac_keys),
										&d->keys,
										&err);

	if (status == OSP_OK && file[0] != '\0')
		status = osp_keyring_add_file(d->keys, file, &err);
	if (status != OSP_OK)
	{
		err.code = status;
		report_file(r, file, &err);
	}
	else if (osp_keyring_count(d->keys) == 0)
		report_none(r);
	else if (!d->config.enabled)
	{
		doctor_wrong(r, "tracing is switched off: enabled is false");
		doctor_mend(r, "export OSPROFILER_ENABLED=true");
	}
	else
		doctor_good(r,
					"%zu%s%s",
					osp_keyring_count(d->keys),
					file[0] != '\0' ? ", with those of " : "",
					file);
}
