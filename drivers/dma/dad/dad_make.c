/* SPDX-License-Identifier: BSD-3-Clause */

/* What a device is made of, when it is probed, and how it is taken apart. */

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>

#include "dad_dev.h"
#include "dad_dma_domain.h"
#include "dad_question.h"
#include "dad_regs.h"

/* iommu=soft: an address space of the device's own. Whoever gives it work maps the memory for the
 * device that dad_dma_dev_lookup() finds by the dmadev's name. */
static int
confine(struct dad_dev *d, const char *name, int numa_node)
{
	const struct dad_dma_domain_conf conf = {
		.name = name,
		.type = DAD_DMA_DOMAIN_SOFT,
		.rungs = DAD_DMA_RUNG_BIT(DAD_DMA_RUNG_STRICT),
		.iova_first = 1 << 12,
		.iova_last = DAD_DMA_BIT_MASK(40),
		.socket_id = numa_node,
	};
	struct dad_dma_domain *domain = dad_dma_domain_create(&conf);

	if (domain == NULL)
		return -rte_errno;
	d->dma = dad_dma_dev_create(name, domain, numa_node);
	if (d->dma == NULL) {
		dad_dma_domain_put(domain);
		return -ENOMEM;
	}
	int ret = dad_exec_confine(dad_exec_table[d->dev_id], domain, d->dma);
	return ret != 0 ? ret : dad_dma_dev_publish(d->dma);
}

static int
create_dma_dev(struct dad_dev *d, const char *name, int numa_node)
{
	int ret = 0;

	if (d->args.iommu)
		ret = confine(d, name, numa_node);
	else
		d->dma = dad_dma_dev_create(name, dad_exec_table[d->dev_id]->domain, numa_node);
	if (ret == 0 && d->dma == NULL)
		ret = -ENOMEM;
	/* the engine is a CPU: it reaches everything */
	return ret != 0 ? ret : dad_dma_set_mask_and_coherent(d->dma, DAD_DMA_BIT_MASK(64));
}

int
dad_dev_init(struct dad_dev *d, uint16_t dev_id, const char *name, const struct dad_args *args,
	int numa_node)
{
	int ret = dad_exec_open(
		dev_id, args->kernel[0] != '\0' ? args->kernel : NULL, args->past_from);

	if (ret == -ENOTSUP)
		DAD_LOG(ERR, "%s: kernel=%s: not on this CPU, or not allowed by EAL", name,
			args->kernel);
	if (ret != 0)
		return ret;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->args = *args;
	d->dev_id = dev_id;
	ret = create_dma_dev(d, name, numa_node);
	if (ret == 0)
		ret = dad_model_open(&d->model, name, &args->model, d->vchan, numa_node);
	dad_exec_table[dev_id]->model = &d->model;
	dad_exec_play(dad_exec_table[dev_id], ret == 0 && dad_model_is_used(&d->model));
	if (ret == 0 && args->engine == DAD_ENGINE_SERVICE)
		ret = dad_service_open(&d->engine.service, name, numa_node, &d->engine);
	if (ret == 0)
		return 0;

	dad_service_close(&d->engine.service);
	dad_model_close(&d->model);
	dad_dma_dev_destroy(d->dma);
	d->dma = NULL;
	dad_devices_lock();
	dad_exec_close(dev_id);
	dad_devices_unlock();
	return ret;
}

void
dad_dev_fini(struct dad_dev *d)
{
	dad_devices_remove(d->dev_id);
	dad_service_close(&d->engine.service);
	/* nobody asks meanwhile who has found it otherwise */
	dad_devices_lock();
	dad_dev_release_vchans(d);
	dad_model_close(&d->model);
	dad_dma_dev_destroy(d->dma);
	d->dma = NULL;
	dad_regs_release(d);
	dad_exec_close(d->dev_id);
	dad_devices_unlock();
}
