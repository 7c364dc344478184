/* watch_reach.c - how far inotify reaches: it tells what is done on this
 * machine, not what another one does behind a file system. */
#include "producer/watch_private.h"
#include "common/health.h"

#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

/* File systems that others write, too: servers, other machines of a cluster,
 * the host of a container or of a virtual machine. Numbers are the kernel's or
 * their modules' own, which no header has together. */
static const struct {
	uint32_t type;
	const char *name;
} shared[] = {
	{ 0x01021997, "9p" },
	{ 0x5346414f, "afs" },
	{ 0x00c36400, "ceph" },
	{ 0xff534d42, "cifs" },
	{ 0x73757245, "coda" },
	{ 0x65735546, "fuse" }, /* virtiofs, too */
	{ 0x01161970, "gfs2" },
	{ 0x47504653, "gpfs" },
	{ 0x0bd00bd0, "lustre" },
	{ 0x00006969, "nfs" },
	{ 0x7461636f, "ocfs2" },
	{ 0x7c7c6673, "prl_fs" },
	{ 0x0000517b, "smb" },
	{ 0xfe534d42, "smb2" },
	{ 0x786f4256, "vboxsf" },
	{ 0xbacbacbc, "vmhgfs" },
	{ 0x53464846, "wslfs" },
};

const char *watch_shared(uint32_t type)
{
	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++)
		if (shared[i].type == type)
			return shared[i].name;
	return NULL;
}

const char *watch_shared_fd(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 ? watch_shared((uint32_t)st.f_type) :
		NULL;
}

static const struct watched *first_shared(const struct watch *watch)
{
	for (size_t i = 0; i < watch->watched_count; i++)
		if (watch->watched[i].shared != NULL)
			return &watch->watched[i];
	return NULL;
}

static void say_so(const struct watch *watch, const struct watched *at)
{
	const long long secs = (long long)watch->options.rescan_ms / 1000;
	char text[256];

	(void)snprintf(text, sizeof(text), "%.100s is on %s: what is dropped "
		"from elsewhere is found by the rescan, every %lld s",
		at->path, at->shared, secs);
	health_note("inotify", text);
	LOG(LOG_WARN, "inotify_short", LOG_S("path", at->path),
		LOG_S("on", at->shared), LOG_I("rescan_secs", secs),
		LOG_S("why", "inotify does not tell what is dropped from "
			"elsewhere: the rescan finds it"),
		LOG_S("remedy", "lower rescan_secs if that is too late"));
}

void watch_tell_reach(struct watch *watch)
{
	const struct watched *at = first_shared(watch);
	const char *now = at == NULL ? NULL : at->shared;

	if (now == watch->told)
		return;
	watch->told = now;
	if (at != NULL) {
		say_so(watch, at);
		return;
	}
	health_up("inotify");
	LOG(LOG_INFO, "inotify_reaches", LOG_S("path", watch->options.raw_dir));
}
