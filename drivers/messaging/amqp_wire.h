/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_wire.h
 *	  The bytes of AMQP 0-9-1: frames, and the fields of methods.
 */
#ifndef OSP_AMQP_WIRE_H
#define OSP_AMQP_WIRE_H

#include "osprofiler/buf.h"

/* Kinds of frames. */
#define AMQP_FRAME_METHOD    1
#define AMQP_FRAME_HEADER    2
#define AMQP_FRAME_BODY      3
#define AMQP_FRAME_HEARTBEAT 8

/* Bytes of a frame beside its payload. */
#define AMQP_FRAME_HEAD  7
#define AMQP_FRAME_EXTRA (AMQP_FRAME_HEAD + 1)

/* Bytes of a short string at most. */
#define AMQP_SHORT_MAX 255

#define AMQP_BASIC 60 /* the class of messages */

/* A method: its class, and its number there. */
#define AMQP_METHOD(class, number) ((uint32_t) (class) << 16 | (number))

enum
{
	AMQP_CONNECTION_START = AMQP_METHOD(10, 10),
	AMQP_CONNECTION_START_OK = AMQP_METHOD(10, 11),
	AMQP_CONNECTION_TUNE = AMQP_METHOD(10, 30),
	AMQP_CONNECTION_TUNE_OK = AMQP_METHOD(10, 31),
	AMQP_CONNECTION_OPEN = AMQP_METHOD(10, 40),
	AMQP_CONNECTION_OPEN_OK = AMQP_METHOD(10, 41),
	AMQP_CONNECTION_CLOSE = AMQP_METHOD(10, 50),
	AMQP_CONNECTION_CLOSE_OK = AMQP_METHOD(10, 51),
	AMQP_CONNECTION_BLOCKED = AMQP_METHOD(10, 60),
	AMQP_CONNECTION_UNBLOCKED = AMQP_METHOD(10, 61),
	AMQP_CHANNEL_OPEN = AMQP_METHOD(20, 10),
	AMQP_CHANNEL_OPEN_OK = AMQP_METHOD(20, 11),
	AMQP_CHANNEL_CLOSE = AMQP_METHOD(20, 40),
	AMQP_CHANNEL_CLOSE_OK = AMQP_METHOD(20, 41),
	AMQP_EXCHANGE_DECLARE = AMQP_METHOD(40, 10),
	AMQP_EXCHANGE_DECLARE_OK = AMQP_METHOD(40, 11),
	AMQP_QUEUE_DECLARE = AMQP_METHOD(50, 10),
	AMQP_QUEUE_DECLARE_OK = AMQP_METHOD(50, 11),
	AMQP_QUEUE_BIND = AMQP_METHOD(50, 20),
	AMQP_QUEUE_BIND_OK = AMQP_METHOD(50, 21),
	AMQP_BASIC_CONSUME = AMQP_METHOD(AMQP_BASIC, 20),
	AMQP_BASIC_CONSUME_OK = AMQP_METHOD(AMQP_BASIC, 21),
	AMQP_BASIC_CANCEL = AMQP_METHOD(AMQP_BASIC, 30),
	AMQP_BASIC_PUBLISH = AMQP_METHOD(AMQP_BASIC, 40),
	AMQP_BASIC_RETURN = AMQP_METHOD(AMQP_BASIC, 50),
	AMQP_BASIC_DELIVER = AMQP_METHOD(AMQP_BASIC, 60),
	AMQP_BASIC_ACK = AMQP_METHOD(AMQP_BASIC, 80),
	AMQP_BASIC_NACK = AMQP_METHOD(AMQP_BASIC, 120),
	AMQP_CONFIRM_SELECT = AMQP_METHOD(85, 10),
	AMQP_CONFIRM_SELECT_OK = AMQP_METHOD(85, 11)
};

/* Appends a field. A short string is cut at AMQP_SHORT_MAX. */
void osp__amqp_add_u8(osp_buf *buf, unsigned value);
void osp__amqp_add_u16(osp_buf *buf, unsigned value);
void osp__amqp_add_u32(osp_buf *buf, uint32_t value);
void osp__amqp_add_u64(osp_buf *buf, uint64_t value);
void osp__amqp_add_short(osp_buf *buf, osp_str text);
void osp__amqp_add_long(osp_buf *buf, osp_str text);

/*
 * Begins what has its length in front, a frame or a table; its end gets what the
 * beginning returned. A method's frame begins with the method.
 */
size_t osp__amqp_begin_frame(osp_buf *buf, unsigned kind, unsigned channel);
size_t osp__amqp_begin_method(osp_buf *buf, unsigned channel, uint32_t method);
void osp__amqp_end_frame(osp_buf *buf, size_t begin);
size_t osp__amqp_begin_table(osp_buf *buf);
void osp__amqp_end_table(osp_buf *buf, size_t begin);

/* Fields of a payload, one after the other. Of what is not there any more comes
 * nothing, 0 or empty, and bad is set. */
typedef struct osp_amqp_fields
{
	osp_str rest; /* borrowed */
	bool bad;
} osp_amqp_fields;

unsigned osp__amqp_u8(osp_amqp_fields *fields);
unsigned osp__amqp_u16(osp_amqp_fields *fields);
uint32_t osp__amqp_u32(osp_amqp_fields *fields);
uint64_t osp__amqp_u64(osp_amqp_fields *fields);
osp_str osp__amqp_short(osp_amqp_fields *fields);

typedef struct osp_amqp_frame
{
	unsigned kind;
	unsigned channel;
	uint32_t method;        /* of a method's frame, else 0 */
	osp_amqp_fields fields; /* of a method, behind it; else the payload */
} osp_amqp_frame;

/*
 * Takes the first frame of bytes, whose texts are borrowed from there. OSP_ENOENT:
 * it is not whole yet; OSP_EPROTO: it is none, or longer than frame_max.
 */
osp_status osp__amqp_take_frame(osp_str bytes, size_t frame_max,
								osp_amqp_frame *frame,
								size_t *taken) OSP_MUST_CHECK;

#endif /* OSP_AMQP_WIRE_H */
