#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# redis_certificates.sh DIR
#	  Certificates for tests of TLS, in DIR: ca.crt, an authority; NAME.crt and
#	  NAME.key, signed by it, for 127.0.0.1 and localhost (server), for another
#	  host (elsewhere), of the past (expired), for a client (client, and
#	  locked.key, which is encrypted); other.crt, an authority that signed none.
set -eu

cd "$1"

authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# certificate NAME SUBJECT_ALT_NAME DAYS
certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial \
		-days "$3" -extfile <(echo "subjectAltName=$2") -out "$1.crt" 2>/dev/null
}

authority ca
authority other
certificate server IP:127.0.0.1,DNS:localhost 2
certificate elsewhere DNS:elsewhere.example 2
certificate expired IP:127.0.0.1 -1
certificate client DNS:client.example 2
openssl ec -in client.key -aes128 -passout pass:word -out locked.key 2>/dev/null
