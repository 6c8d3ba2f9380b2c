/* SPDX-License-Identifier: BSD-3-Clause */

/* Can this compiler make a fuzz target? */

int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size)
{
	(void)data;
	(void)size;
	return 0;
}
