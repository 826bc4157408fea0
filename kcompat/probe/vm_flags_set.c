// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>

void kcompat_probe(struct vm_area_struct *vma);
void kcompat_probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_IO);
	vm_flags_clear(vma, VM_IO);
}
