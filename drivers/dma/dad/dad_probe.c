/* SPDX-License-Identifier: BSD-3-Clause */

/* Probe and remove, whatever the bus. */

#include <errno.h>
#include <numa.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_memory.h>
#include <rte_string_fns.h>

#include "dad_dev.h"
#include "dad_fast_path.h"
#include "dad_probe.h"
#include "dad_question.h"
#include "dad_trace.h"

RTE_LOG_REGISTER(dad_logtype, pmd.dma.dad, NOTICE)

unsigned int dad_foreign;

/* A device that no bus has a place for is where it was asked to be, else where its first worker
 * was, else where EAL's main lcore is. */
static int
numa_node_for(const struct dad_args *args)
{
	if (args->numa != SOCKET_ID_ANY)
		return args->numa;
	if (args->lcores.n > 0 && numa_available() >= 0)
		return numa_node_of_cpu(args->lcores.cpu[0]);
	return (int)rte_lcore_to_socket_id(rte_get_main_lcore());
}

/* The device of a secondary process: what the primary made, and pointers of our own. */
static int
attach(const struct dad_found *found)
{
	const char *name = found->name;
	struct rte_dma_dev *dev = rte_dma_pmd_allocate(name, 0, sizeof(struct dad_dev));

	if (dev == NULL)
		return -ENODEV;
	struct dad_dev *d = dev->data->dev_private;
	if (d->args.iommu) {
		DAD_LOG(ERR, "%s: attach: with iommu=soft mappings are the primary's alone", name);
		rte_dma_pmd_release(name);
		return -ENOTSUP;
	}
	int ret = dad_exec_open(
		d->dev_id, d->args.kernel[0] != '\0' ? d->args.kernel : NULL, d->args.past_from);
	if (ret != 0) {
		DAD_LOG(ERR, "%s: attach: %s", name, strerror(-ret));
		rte_dma_pmd_release(name);
		return ret;
	}
	snprintf(dad_exec_table[d->dev_id]->device, sizeof(dad_exec_table[d->dev_id]->device), "%s",
		name);
	dad_exec_table[d->dev_id]->model = &d->model;
	dad_exec_play(dad_exec_table[d->dev_id], true); /* rules may come when it runs */
	dad_foreign = DAD_OP_FOREIGN;
	found->device->numa_node = dev->data->numa_node;
	dev->device = found->device;
	dev->dev_ops = &dad_secondary_ops;
	dad_fast_path_set(dev->fp_obj, d);
	dad_devices_add(d);
	/* not READY: then release, when this process leaves, would close it for all */
	DAD_LOG(INFO, "%s: attached, engine %s", name, dad_engine_name(d->args.engine));
	return 0;
}

/* The device may be gone: the primary may have closed it. What this process has of it is not. */
static int
detach(const char *name)
{
	const int dev_id = dad_exec_find(name);

	if (dev_id >= 0) {
		dad_devices_remove((uint16_t)dev_id);
		/* info and dump look at it under the lock */
		dad_devices_lock();
		dad_exec_close((uint16_t)dev_id);
		dad_devices_unlock();
	}
	return rte_dma_get_dev_id_by_name(name) >= 0 ? rte_dma_pmd_release(name) : 0;
}

int
dad_probe(const struct dad_found *found)
{
	const char *name = found->name;
	struct dad_args args;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return attach(found);
	int ret = dad_args_parse(name, found->args, &args);
	if (ret != 0)
		return ret;
	if (found->regs != NULL && args.numa != SOCKET_ID_ANY) {
		DAD_LOG(ERR, "%s: numa is for vdevs; this one is on node %d", name,
			found->device->numa_node);
		return -EINVAL;
	}

	int node = found->regs != NULL ? found->device->numa_node : numa_node_for(&args);
	struct rte_dma_dev *dev = rte_dma_pmd_allocate(name, node, sizeof(struct dad_dev));
	if (dev == NULL) /* perhaps for want of memory on that node */
		dev = rte_dma_pmd_allocate(name, SOCKET_ID_ANY, sizeof(struct dad_dev));
	if (dev == NULL) {
		DAD_LOG(ERR, "%s: no memory, or no room for one more dmadev", name);
		return -ENOMEM;
	}
	struct dad_dev *d = dev->data->dev_private;
	ret = dad_dev_init(d, (uint16_t)dev->data->dev_id, name, &args, node);
	dad_trace_probe(name, dev->data->dev_id, dad_engine_name(args.engine),
		ret == 0 ? dad_exec_table[d->dev_id]->kernel : "", ret);
	if (ret != 0) {
		rte_dma_pmd_release(name);
		return ret;
	}
	if (found->args != NULL)
		rte_strlcpy(d->given, found->args, sizeof(d->given));
	d->regs = found->regs;
	/* dmadev reports the bus device's node, which the vdev bus leaves open */
	found->device->numa_node = node;
	dev->device = found->device;
	dev->dev_ops = &dad_dev_ops;
	dad_fast_path_set(dev->fp_obj, d);
	dev->state = RTE_DMA_DEV_READY;
	/* whole: a question may have it reset at once */
	dad_devices_add(d);
	DAD_LOG(INFO, "%s: engine %s, kernel %s", name, dad_engine_name(args.engine),
		dad_exec_table[d->dev_id]->kernel);
	return 0;
}

int
dad_remove(const char *name)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return detach(name);
	int dev_id = rte_dma_get_dev_id_by_name(name);

	if (dev_id < 0)
		return 0; /* closed already */
	/* release refuses a device that runs; it stays, as long as a worker may write to memory */
	int ret = rte_dma_stop((int16_t)dev_id);
	return ret != 0 ? ret : rte_dma_pmd_release(name);
}
