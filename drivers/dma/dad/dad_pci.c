/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The PCI bus: probe and remove. There is no such hardware; the function is one of a sysfs tree
 * (SYSFS_PCI_DEVICES), and its BAR a file there. See doc/guides/dmadevs/dad.md.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bus_pci_driver.h>
#include <rte_eal.h>

#include "dad_probe.h"
#include "dad_regs.h"

static const struct rte_pci_id dad_ids[] = {
	{RTE_PCI_DEVICE(DAD_PCI_VENDOR, DAD_PCI_DEVICE)},
	{.vendor_id = 0},
};

/* The page of a BAR's file, if it is as long as it should be. NULL after logging why not. */
static struct dad_regs *
map_file(const char *name, const char *path)
{
	struct dad_regs *regs = MAP_FAILED;
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		DAD_LOG(ERR, "%s: %s: %s", name, path, strerror(errno));
		goto out;
	}
	/* what lies beyond its end would be a SIGBUS */
	if (st.st_size < (off_t)DAD_REGS_SIZE) {
		DAD_LOG(ERR, "%s: %s has %" PRId64 " bytes instead of %u", name, path,
			(int64_t)st.st_size, DAD_REGS_SIZE);
		goto out;
	}
	regs = mmap(NULL, DAD_REGS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (regs == MAP_FAILED)
		DAD_LOG(ERR, "%s: %s: %s", name, path, strerror(errno));
out:
	if (fd >= 0)
		close(fd);
	return regs != MAP_FAILED ? regs : NULL;
}

/* 0, and its registers, of a device that is idle; or -errno after logging what is wrong. */
static int
map_regs(const struct rte_pci_device *pci, struct dad_regs **out)
{
	const char *name = pci->device.name;
	const uint64_t len = pci->mem_resource[DAD_PCI_BAR].len;
	char path[PATH_MAX];

	if (len != DAD_REGS_SIZE) {
		DAD_LOG(ERR, "%s: BAR %d has %" PRIu64 " bytes, and should have %u", name,
			DAD_PCI_BAR, len, DAD_REGS_SIZE);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%s/%s/resource%d", rte_pci_get_sysfs_path(), name,
		DAD_PCI_BAR);
	struct dad_regs *regs = map_file(name, path);
	if (regs == NULL)
		return -EIO;
	uint32_t id = __atomic_load_n(&regs->id, __ATOMIC_RELAXED);
	if (id != DAD_REGS_ID) {
		DAD_LOG(ERR, "%s: does not answer as a dma_dad does: %#x instead of %#x", name, id,
			DAD_REGS_ID);
		munmap(regs, DAD_REGS_SIZE);
		return -ENODEV;
	}
	/* a process that was killed may have left it running */
	__atomic_store_n(&regs->control, 0, __ATOMIC_RELEASE);
	*out = regs;
	return 0;
}

static int
dad_pci_probe(struct rte_pci_driver *driver, struct rte_pci_device *pci)
{
	const struct rte_devargs *devargs = pci->device.devargs;
	struct dad_found found = {
		.device = &pci->device,
		.name = pci->device.name,
		.args = devargs != NULL ? devargs->args : NULL,
	};

	(void)driver;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY) {
		int ret = map_regs(pci, &found.regs);

		if (ret != 0)
			return ret;
	}
	int ret = dad_probe(&found);
	if (ret != 0 && found.regs != NULL)
		munmap(found.regs, DAD_REGS_SIZE);
	return ret;
}

static int
dad_pci_remove(struct rte_pci_device *pci)
{
	return dad_remove(pci->device.name);
}

/* Not RTE_PCI_DRV_NEED_MAPPING: that is for vfio and uio. Any mode of IOVAs will do. */
static struct rte_pci_driver dad_pci_driver = {
	.id_table = dad_ids,
	.probe = dad_pci_probe,
	.remove = dad_pci_remove,
};

RTE_PMD_REGISTER_PCI(dma_dad_pci, dad_pci_driver);
RTE_PMD_REGISTER_PCI_TABLE(dma_dad_pci, dad_ids);
RTE_PMD_REGISTER_PARAM_STRING(dma_dad_pci, DAD_ARGS_HELP);
DAD_PMD_INFO(dma_dad_pci, DAD_ARGS_HELP, "[4660, 56016, 65535, 65535]");
