/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RING_TELEMETRY_H
#define RING_TELEMETRY_H

/* Offer the commands of ring_telemetry.c to whoever asks this process. */
void ring_telemetry_register(void);

#endif /* RING_TELEMETRY_H */
