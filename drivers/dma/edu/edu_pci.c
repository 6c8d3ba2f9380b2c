/* SPDX-License-Identifier: BSD-3-Clause */

/* The PCI bus: probe and remove. */

#include <errno.h>

#include <bus_pci_driver.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "dad_dma_domain.h"
#include "dad_dma_vfio.h"
#include "edu_args.h"
#include "edu_internal.h"

RTE_LOG_REGISTER(edu_logtype, pmd.dma.edu, NOTICE)

static const struct rte_pci_id edu_ids[] = {
	{RTE_PCI_DEVICE(EDU_VENDOR_ID, EDU_DEVICE_ID)},
	{.vendor_id = 0},
};

static int
set_bus_master(void *bus, bool on)
{
	return rte_pci_set_bus_master(bus, on);
}

/* An address space of the device's own. Its IOVAs end where the device's addresses do; which rungs
 * of the ladder there are is what the user asked for. */
static struct dad_dma_domain *
make_domain(const char *name, const struct edu_args *args, int node)
{
	static const unsigned int rungs[] = {
		[EDU_MAP_WINDOW] = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_WINDOW) |
			DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE),
		[EDU_MAP_STRICT] = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT),
		[EDU_MAP_LAZY] = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT),
		[EDU_MAP_BOUNCE] = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE),
	};
	dad_dma_addr_t last = DAD_DMA_BIT_MASK(RTE_MIN(args->address_bits, 32u));
	const struct dad_dma_domain_conf conf = {
		.name = name,
		.iova_first = DAD_DMA_PAGE_SIZE, /* what is 0 by mistake finds nothing */
		.iova_last = last,
		.rungs = rungs[args->map],
		.flags = args->map == EDU_MAP_LAZY ? DAD_DMA_DOMAIN_LAZY : 0,
		.socket_id = node,
	};
	/* a hop needs one slot of at most this size; there is one hop at a time */
	const struct dad_dma_bounce_conf bounce = {.size = 256u << 10, .limit = last};
	struct dad_dma_domain *domain = dad_dma_domain_vfio(name, &conf, NULL);

	if (domain == NULL || (conf.rungs & DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_BOUNCE)) == 0)
		return domain;
	int ret = dad_dma_bounce_create(domain, &bounce);
	if (ret == 0)
		return domain;
	dad_dma_domain_put(domain);
	rte_errno = -ret;
	return NULL;
}

/* What attach() did, in the reverse order. */
static void
detach(struct edu_queue *q)
{
	struct dad_dma_domain *domain = dad_dma_dev_domain(q->dma);

	dad_dma_dev_destroy(q->dma);
	dad_dma_domain_put(domain);
	dad_dma_domain_put(q->eal);
}

/* Step 2 of probe: what the device may reach, and where its memory is for it. */
static int
attach(struct edu_queue *q, const char *name, const struct edu_args *args, int node)
{
	q->eal = dad_dma_domain_identity();
	if (q->eal == NULL)
		return -rte_errno;

	struct dad_dma_domain *domain = args->map == EDU_MAP_EAL ? dad_dma_domain_identity()
								 : make_domain(name, args, node);
	if (domain == NULL) {
		dad_dma_domain_put(q->eal);
		return -rte_errno;
	}
	q->dma = dad_dma_dev_create(name, domain, node);
	if (q->dma == NULL) {
		dad_dma_domain_put(domain);
		dad_dma_domain_put(q->eal);
		return -rte_errno;
	}
	/* "DMA mask": higher addresses would go to the wrong place, not fail */
	int ret = dad_dma_set_mask_and_coherent(q->dma, DAD_DMA_BIT_MASK(args->address_bits));
	if (ret != 0) {
		EDU_LOG(ERR, "%s: EAL has no memory at an address of %u bits, and map=eal no other",
			name, args->address_bits);
		detach(q);
	}
	return ret;
}

/* What probe did, in the reverse order: the device is off the bus before its addresses go. */
static void
release(struct edu_dev *d)
{
	rte_pci_unmap_device(d->queue.hw.bus);
	detach(&d->queue);
}

static int
edu_probe(struct rte_pci_driver *driver, struct rte_pci_device *pci)
{
	const char *name = pci->device.name;
	struct rte_devargs *devargs = pci->device.devargs;
	struct edu_dev d = {.node = pci->device.numa_node, .release = release};
	struct edu_queue *q = &d.queue;
	struct edu_args args;

	(void)driver;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return -ENOTSUP;

	/* Step 1: what the user wants */
	int ret = edu_args_parse(name, devargs != NULL ? devargs->args : NULL, &args);
	if (ret != 0)
		return ret;
	q->verify = args.verify;
	/* with EAL's own addresses memory must be EAL's; else any will do, if its IOVA says where
	 */
	q->any_memory = args.map != EDU_MAP_EAL && rte_eal_iova_mode() == RTE_IOVA_VA;
	q->hw.timeout = rte_get_timer_hz() / 1000 * args.timeout_ms;
	q->hw.set_bus_master = set_bus_master;
	q->hw.bus = pci;

	/* Step 2: its addresses, before anything can be sent out */
	ret = attach(q, name, &args, d.node);
	if (ret != 0)
		return ret;

	/* Step 3: its registers */
	ret = rte_pci_map_device(pci);
	if (ret != 0)
		goto no_registers;
	q->hw.regs = pci->mem_resource[EDU_BAR].addr;
	ret = edu_hw_check(&q->hw);
	if (ret != 0) {
		EDU_LOG(ERR, "%s: %s", name, ret == -EBUSY ? "busy" : "does not answer");
		goto no_device;
	}

	/* Step 4: the dmadev that applications see */
	if (edu_dev_create(name, &pci->device, &d) == NULL) {
		ret = -ENOMEM;
		goto no_device;
	}
	EDU_LOG(INFO, "%s: node %d, %u address bits", name, d.node, args.address_bits);
	return 0;

no_device:
	rte_pci_unmap_device(pci);
no_registers:
	detach(q);
	return ret;
}

static int
edu_remove(struct rte_pci_device *pci)
{
	int dev_id = rte_dma_get_dev_id_by_name(pci->device.name);

	if (dev_id < 0)
		return 0; /* closed already */
	/* waits for a running transfer, for a bounded time */
	rte_dma_stop((int16_t)dev_id);
	return rte_dma_pmd_release(pci->device.name);
}

/* Not RTE_PCI_DRV_NEED_MAPPING: the bus would put the device behind EAL's own mappings. */
static struct rte_pci_driver edu_driver = {
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};

RTE_PMD_REGISTER_PCI(dma_edu, edu_driver);
RTE_PMD_REGISTER_PCI_TABLE(dma_edu, edu_ids);
RTE_PMD_REGISTER_KMOD_DEP(dma_edu, "vfio-pci");
RTE_PMD_REGISTER_PARAM_STRING(dma_edu, EDU_ARGS_HELP);

/* What dpdk-pmdinfo.py shows: vendor, device, and any subsystem. */
__attribute__((used)) static const char edu_pmd_info[] =
	"PMD_INFO_STRING= {\"name\": \"dma_edu\", \"params\": \"" EDU_ARGS_HELP
	"\", \"kmod\": \"vfio-pci\", \"pci_ids\": [[4660, 4584, 65535, 65535]]}";
