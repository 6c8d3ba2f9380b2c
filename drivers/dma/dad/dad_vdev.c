/* SPDX-License-Identifier: BSD-3-Clause */

/* The vdev bus: probe and remove. */

#include "dad_probe.h"

static int
dad_vdev_probe(struct rte_vdev_device *vdev)
{
	const struct dad_found found = {
		.device = &vdev->device,
		.name = rte_vdev_device_name(vdev),
		.args = rte_vdev_device_args(vdev),
	};

	return dad_probe(&found);
}

static int
dad_vdev_remove(struct rte_vdev_device *vdev)
{
	return dad_remove(rte_vdev_device_name(vdev));
}

static struct rte_vdev_driver dad_driver = {
	.probe = dad_vdev_probe,
	.remove = dad_vdev_remove,
};

RTE_PMD_REGISTER_VDEV(dma_dad, dad_driver);
RTE_PMD_REGISTER_PARAM_STRING(dma_dad, DAD_ARGS_HELP);
DAD_PMD_INFO(dma_dad, DAD_ARGS_HELP, "");
