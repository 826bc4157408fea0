// SPDX-License-Identifier: MIT
/* Is anything of value on a disk?  Asked before it is written to. */
#include <blkid.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tool.h"

#define FORCE "Use another disk, or --force if it may be overwritten."

/* The device number of the disk that a partition is part of; else its own. */
static dev_t whole_disk(dev_t dev)
{
	unsigned int maj, min;
	char text[32];

	if (sysfs_read(text, sizeof(text), "/sys/dev/block/%u:%u/partition",
		       major(dev), minor(dev)) &&
	    sysfs_read(text, sizeof(text), "/sys/dev/block/%u:%u/../dev",
		       major(dev), minor(dev)) &&
	    sscanf(text, "%u:%u", &maj, &min) == 2)
		return makedev(maj, min);
	return dev;
}

/* The same, or one a part of the other. */
static bool overlap(dev_t a, dev_t b)
{
	return a == b || whole_disk(a) == b || whole_disk(b) == a;
}

static bool path_overlaps(const char *path, dev_t dev)
{
	struct stat st;

	return path[0] == '/' && !stat(path, &st) && S_ISBLK(st.st_mode) &&
	       overlap(st.st_rdev, dev);
}

/*
 * btrfs shows a device number of its own: what is mounted is looked at, too.
 */
static bool is_mounted(dev_t dev, char where[PATH_MAX])
{
	char line[3 * PATH_MAX], source[PATH_MAX];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned int maj, min;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *tail = strstr(line, " - ");

		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min,
			   where) != 3)
			continue;
		found = overlap(makedev(maj, min), dev);
		if (!found && tail &&
		    sscanf(tail, " - %*s %4095s", source) == 1)
			found = path_overlaps(source, dev);
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_swap(dev_t dev)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[2 * PATH_MAX], path[PATH_MAX];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%4095s", path) == 1 &&
			path_overlaps(path, dev);
	if (f)
		fclose(f);
	return found;
}

/* A device-mapper or md device that holds the disk or a partition of it. */
static bool has_holder(const char *sysfs, char *ret, size_t len)
{
	char path[PATH_MAX];
	struct dirent *d;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/holders", sysfs);
	dir = opendir(path);
	while (dir && !found && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.') {
			snprintf(ret, len, "%s", d->d_name);
			found = true;
		}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_held(dev_t dev, char *ret, size_t len)
{
	char sysfs[64], path[PATH_MAX], number[16];
	bool found;
	struct dirent *d;
	DIR *dir;

	snprintf(sysfs, sizeof(sysfs), "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	found = has_holder(sysfs, ret, len);
	dir = opendir(sysfs);
	while (dir && !found && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' ||
		    !sysfs_read(number, sizeof(number), "%s/%s/partition",
				sysfs, d->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", sysfs, d->d_name);
		found = has_holder(path, ret, len);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* 1 with what was found in *ret, 0 if nothing, -errno. */
static int signature(const char *path, char *ret, size_t len)
{
	const char *type = NULL;
	blkid_probe probe;
	int found;

	errno = 0;
	probe = blkid_new_probe_from_filename(path);
	if (!probe)
		return errno ? -errno : -EIO;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_enable_partitions(probe, 1);
	/* 0 if found, 1 if not, -2 if several, -1 if that cannot be told. */
	found = blkid_do_safeprobe(probe);
	if (!found && blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL);
	snprintf(ret, len, "%s", type ? type : "more than one");
	blkid_free_probe(probe);
	if (found == -1)
		return -EIO;
	return found != 1;
}

static int check_signature(const char *path)
{
	char what[64];
	int found = signature(path, what, sizeof(what));

	if (!found)
		return EXIT_OK;
	if (found < 0)
		return complain("See that it may be opened and read; --force skips the look.",
				"cannot see whether %s is empty: %s", path,
				strerror(-found));
	return complain(FORCE, "%s is not empty: it has a signature (%s)", path,
			what);
}

int disk_guard(const char *path)
{
	char text[PATH_MAX];
	struct stat st;

	/* What is no block device, the library refuses. */
	if (stat(path, &st) || !S_ISBLK(st.st_mode))
		return EXIT_OK;
	if (is_mounted(st.st_rdev, text))
		return complain(FORCE, "%s is in use: mounted on %s", path,
				text);
	if (is_swap(st.st_rdev))
		return complain(FORCE, "%s is in use as swap", path);
	if (is_held(st.st_rdev, text, sizeof(text)))
		return complain(FORCE, "%s is in use: held by %s", path, text);
	return check_signature(path);
}
