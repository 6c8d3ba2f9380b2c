/* SPDX-License-Identifier: BSD-3-Clause */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"

void
plugin_load_beside(int argc, char **argv)
{
	static const char plugin[] = "/../drivers/librte_dma_dad.so";
	char path[PATH_MAX + sizeof(plugin)];
	/* not a second copy of what the user names with -d */
	for (int i = 0; i < argc; i++)
		if (strstr(argv[i], "librte_dma_dad") != NULL)
			return;
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);

	if (n <= 0)
		return;
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		return;
	strcpy(slash, plugin);
	if (access(path, R_OK) != 0)
		return;
	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) == NULL)
		fprintf(stderr, "driver beside this program not loaded: %s\n", dlerror());
}
