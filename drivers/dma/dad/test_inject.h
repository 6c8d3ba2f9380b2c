/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_INJECT_H
#define TEST_INJECT_H

/* The group's connection to telemetry, by which rules of error injection come and go. */

#include <unistd.h>

#include "telemetry_client.h"
#include "test_device.h"

#define INJECT "/dad/dmadev/inject," TEST_NAME

static int telemetry = -1;

static int
connect_to_telemetry(void **state)
{
	(void)state;
	telemetry = telemetry_connect();
	return telemetry >= 0 ? 0 : -1;
}

static int
disconnect(void **state)
{
	(void)state;
	close(telemetry);
	return 0;
}

#endif /* TEST_INJECT_H */
