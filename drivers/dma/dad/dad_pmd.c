/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include <rte_string_fns.h>

#include "dad_internal.h"
#include "dad_question.h"
#include "rte_pmd_dad.h"

static_assert((int)RTE_PMD_DMA_DAD_INLINE == (int)DAD_ENGINE_INLINE &&
		(int)RTE_PMD_DMA_DAD_THREAD == (int)DAD_ENGINE_THREAD &&
		(int)RTE_PMD_DMA_DAD_SERVICE == (int)DAD_ENGINE_SERVICE &&
		(int)RTE_PMD_DMA_DAD_AUTO == (int)DAD_ENGINE_AUTO,
	"the public names of engines");

/* Under the lock: a device that is there. */
static void
tell(const struct dad_dev *d, struct rte_pmd_dma_dad_info *info)
{
	const struct dad_exec *x = dad_exec_table[d->dev_id];

	*info = (struct rte_pmd_dma_dad_info){
		.max_length = DAD_LENGTH_MAX,
		.alignment = DAD_ALIGNMENT,
		.max_in_flight = DAD_DESC_MAX,
		.max_sges_in_flight = DAD_SGES_IN_FLIGHT,
		.split_from = DAD_SPLIT_MIN,
		.past_from = x->past_from,
		.engine = (enum rte_pmd_dma_dad_engine)d->args.engine,
		.nb_workers = d->args.workers,
		.multi_thread = d->args.mt,
		.halts_on_error = d->args.halt,
	};
	rte_strlcpy(info->kernel, x->kernel, sizeof(info->kernel));
	rte_strlcpy(info->large_kernel, x->large, sizeof(info->large_kernel));
}

int
rte_pmd_dma_dad_info_get(int16_t dev_id, struct rte_pmd_dma_dad_info *info)
{
	struct rte_dma_info common;

	if (info == NULL || !rte_dma_is_valid(dev_id))
		return -EINVAL;
	/* in a secondary the primary may have closed it */
	if (rte_dma_info_get(dev_id, &common) != 0)
		return -ENODEV;
	dad_devices_lock();
	const struct dad_dev *d = dad_devices_find((uint16_t)dev_id);

	if (d != NULL)
		tell(d, info);
	dad_devices_unlock();
	return d != NULL ? 0 : -ENOTSUP;
}
