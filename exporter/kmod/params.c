// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module parameters.
 *
 *   devices=ADDRESS[/BAR[@OFFSET+LENGTH]],...
 *	ADDRESS as 0000:04:00.0.  Without BAR the largest memory BAR is served,
 *	of an NVMe controller its CMB.  OFFSET and LENGTH are multiples of a
 *	page and may end in K, M, G or T.
 *   topology=switch|any
 *	"switch": an importer must sit below the same PCIe switch.  "any": the
 *	administrator knows that peers reach each other anyhow.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "gbar.h"

static char *devices;
module_param(devices, charp, 0444);
MODULE_PARM_DESC(devices, "PCI devices to serve: ADDRESS[/BAR[@OFFSET+LENGTH]],...");

bool gbar_topology_any;

static const char * const gbar_topology_names[] = { "switch", "any" };

static int gbar_topology_set(const char *val, const struct kernel_param *kp)
{
	int ret = sysfs_match_string(gbar_topology_names, val);

	if (ret < 0)
		return ret;
	WRITE_ONCE(gbar_topology_any, ret);
	return 0;
}

static int gbar_topology_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n",
			  gbar_topology_names[READ_ONCE(gbar_topology_any)]);
}

static const struct kernel_param_ops gbar_topology_ops = {
	.set = gbar_topology_set,
	.get = gbar_topology_get,
};
module_param_cb(topology, &gbar_topology_ops, NULL, 0644);
MODULE_PARM_DESC(topology, "where importers may sit: switch (default) or any");

static struct gbar_spec *gbar_specs;
static unsigned int gbar_nr_specs;

static bool gbar_range_parse(const char *s, struct gbar_spec *spec)
{
	char *end;

	spec->offset = memparse(s, &end);
	if (end == s || *end != '+')
		return false;
	s = end + 1;
	spec->size = memparse(s, &end);
	return end != s && !*end && spec->size &&
	       PAGE_ALIGNED(spec->offset) && PAGE_ALIGNED(spec->size);
}

static bool gbar_spec_parse(const char *s, struct gbar_spec *ret_spec)
{
	unsigned int bus, slot, func;
	int n = 0;

	*ret_spec = (struct gbar_spec){ .bar = -1 };
	if (sscanf(s, "%x:%x:%x.%o%n", &ret_spec->domain, &bus, &slot, &func,
		   &n) < 4 || bus > 0xff || slot > 0x1f || func > 7)
		return false;
	ret_spec->bus = bus;
	ret_spec->devfn = PCI_DEVFN(slot, func);

	s += n;
	if (!*s)
		return true;
	if (s[0] != '/' || s[1] < '0' || s[1] > '5')
		return false;
	ret_spec->bar = s[1] - '0';
	return !s[2] || (s[2] == '@' && gbar_range_parse(s + 3, ret_spec));
}

static bool gbar_spec_is(const struct gbar_spec *spec, int domain, u8 bus,
			 u8 devfn)
{
	return spec->domain == domain && spec->bus == bus &&
	       spec->devfn == devfn;
}

static int gbar_spec_add(const char *s)
{
	struct gbar_spec *spec = &gbar_specs[gbar_nr_specs];
	unsigned int i;

	if (!gbar_spec_parse(s, spec)) {
		pr_err("devices: \"%s\" is not ADDRESS[/BAR[@OFFSET+LENGTH]]\n",
		       s);
		return -EINVAL;
	}
	for (i = 0; i < gbar_nr_specs; i++) {
		if (gbar_spec_is(&gbar_specs[i], spec->domain, spec->bus,
				 spec->devfn)) {
			pr_err("devices: \"%s\" is named twice\n", s);
			return -EINVAL;
		}
	}
	gbar_nr_specs++;
	return 0;
}

/* Before the driver is registered: from then on nothing changes. */
int gbar_params_parse(void)
{
	unsigned int nr = 1;
	char *list, *rest, *s;
	int ret = 0;

	if (!devices || !*devices)
		return 0;

	list = kstrdup(devices, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	for (s = list; *s; s++)
		nr += *s == ',';
	gbar_specs = kcalloc(nr, sizeof(*gbar_specs), GFP_KERNEL);
	if (!gbar_specs)
		ret = -ENOMEM;

	rest = list;
	while (!ret && (s = strsep(&rest, ",")))
		ret = gbar_spec_add(strim(s));

	kfree(list);
	if (ret)
		gbar_params_free();
	return ret;
}

void gbar_params_free(void)
{
	kfree(gbar_specs);
	gbar_specs = NULL;
	gbar_nr_specs = 0;
}

const struct gbar_spec *gbar_spec_find(struct pci_dev *pdev)
{
	unsigned int i;

	for (i = 0; i < gbar_nr_specs; i++) {
		if (gbar_spec_is(&gbar_specs[i], pci_domain_nr(pdev->bus),
				 pdev->bus->number, pdev->devfn))
			return &gbar_specs[i];
	}
	return NULL;
}

/* Stops at the first error and returns it. */
int gbar_spec_for_each(int (*fn)(const struct gbar_spec *spec))
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < gbar_nr_specs; i++)
		ret = fn(&gbar_specs[i]);
	return ret;
}
